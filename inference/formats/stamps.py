"""Pictures at model size as one array on disk, in NumPy's own format, read without loading it."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from inference.errors import InferenceError, shown

_CHUNK_BYTES = 1 << 22


class StampsRefused(InferenceError):
    """An array of pictures that cannot be read, or is not what was said of it."""


def write_stamps(
    path: Path, blocks: Iterable[NDArray[np.uint8]], *, n: int, size_px: int
) -> str:
    """Store n pictures that come in blocks, uint8 (any, size_px, size_px, 3); return the SHA-256.

    The file has its name only when it is whole.

    Raises:
        StampsRefused: the blocks do not hold n pictures of this size; nothing is stored then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (n, size_px, size_px, 3)}
            write_array_header_1_0(file, header)
            written = 0
            for block in blocks:
                if block.dtype != np.uint8 or block.shape[1:] != (size_px, size_px, 3):
                    raise StampsRefused(
                        f"Pictures of the shape {block.shape} and type {block.dtype} came where "
                        f"{size_px} x {size_px} x 3 bytes belong: make stamps of one size."
                    )
                file.write(np.ascontiguousarray(block).data)
                written += len(block)
            if written != n:
                raise StampsRefused(f"{written:,} of {n:,} pictures came: start again.")
            file.flush()
            os.fsync(file.fileno())
        digest = file_sha256(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def read_stamps(path: Path, *, n: int, size_px: int) -> NDArray[np.uint8]:
    """Return the pictures, uint8 (n, size_px, size_px, 3), mapped from the disk.

    Raises:
        StampsRefused: the file is missing, cut off, or of another shape.
    """
    try:
        stamps = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StampsRefused(
            f"The pictures {path.name} cannot be read ({reason}): the folder is incomplete, so "
            f"make it again."
        ) from None
    if stamps.dtype != np.uint8 or stamps.shape != (n, size_px, size_px, 3):
        raise StampsRefused(
            f"The pictures {path.name} have the shape {shown(stamps.shape)} of {stamps.dtype}, and "
            f"{(n, size_px, size_px, 3)} of uint8 is wanted: make the folder again."
        )
    return stamps


def file_sha256(path: Path) -> str:
    """Return the hash of a file's content, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
