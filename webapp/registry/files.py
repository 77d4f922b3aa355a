"""Where model files lie: in one private folder, under their own hash, written once.

In server mode it is a folder that web and worker processes share.
"""

import hashlib
import os
import re
from pathlib import Path

from django.conf import settings

from inference.formats.atomic import file_sha256, whole_file

READ_ONLY = 0o440
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def path_of(sha256: str) -> Path:
    """Return where the file of this hash lies, or would.

    Raises:
        ValueError: it is no hash, so no name of ours.
    """
    if not SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256 in lower-case hexadecimal digits.")
    return Path(settings.MODELS_ROOT) / f"{sha256}.onnx"


def is_whole(sha256: str) -> bool:
    """Say whether the file is there, byte for byte."""
    try:
        return file_sha256(path_of(sha256)) == sha256
    except OSError:
        return False


def store(content: bytes) -> bool:
    """Write a model file unless it is there, byte for byte; say whether it was written.

    One at a time for the same content.

    Raises:
        OSError: the disk is full or read-only; nothing is left of the file.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if is_whole(sha256):
        return False
    path = path_of(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a process that was killed meanwhile
        left.unlink(missing_ok=True)
    with whole_file(path) as file:
        file.write(content)
        os.fchmod(file.fileno(), READ_ONLY)
    return True


def remove(sha256: str) -> None:
    """Remove the file of a model that could not be registered."""
    path_of(sha256).unlink(missing_ok=True)
