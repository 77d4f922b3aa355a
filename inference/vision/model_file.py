"""A model file as it lies on the disk: read within a limit, or refused."""

import os
import stat
from pathlib import Path

from inference.errors import InferenceError, shown

MAX_MODEL_BYTES = 500_000_000


class ModelRefused(InferenceError):
    """A model file that does not follow the contract, or cannot be loaded at all."""


class NoGpu(InferenceError):
    """A GPU is required and none can be used."""


class CheckUnavailable(InferenceError):
    """Strangers' model files cannot be checked here; this says nothing of any file."""


def read_model(path: Path, max_bytes: int = MAX_MODEL_BYTES) -> bytes:
    """Return a model file's content.

    Raises:
        ModelRefused: it cannot be read, is no file, is empty, or has more bytes than that.
    """
    try:
        # Without waiting: a pipe that nobody writes to would be waited for until somebody does.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelRefused(f"{name_of(path)} is no file: name one, such as model.onnx.")
            _check_size(status.st_size, path, max_bytes)
            content = file.read(status.st_size + 1)
    except IsADirectoryError:
        raise ModelRefused(f"{name_of(path)} is a folder: name a file in it.") from None
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise ModelRefused(
            f"{name_of(path)} cannot be read ({words}): name a model file, such as model.onnx."
        ) from None
    if len(content) != status.st_size:
        raise ModelRefused(f"{name_of(path)} is still being written: wait until it is whole.")
    if not content:
        raise ModelRefused(f"{name_of(path)} is empty (0 bytes): copy the file again.")
    return content


def name_of(path: Path | str) -> str:
    """Return a file's name as a message may show it."""
    name = Path(path).name
    quoted = shown(name)
    return name if quoted == f"'{name}'" else quoted


def _check_size(n_bytes: int, path: Path, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise ModelRefused(
            f"{name_of(path)} has {n_bytes:,} bytes, and at most {max_bytes:,} are accepted: "
            f"export a smaller network."
        )
