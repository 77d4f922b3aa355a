"""Pictures at model size as one array on disk, in NumPy's own format, read without loading it."""

import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats.atomic import file_sha256, whole_file

__all__ = ["StampsRefused", "file_sha256", "read_all_stamps", "read_stamps", "write_stamps"]

# Only this one kind of header is read, so nobody else's is ever parsed.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)"
    rb"\{'descr': '\|u1', 'fortran_order': False, "
    rb"'shape': \((\d{1,12}), (\d{1,4}), \3, 3\), \} *\n",
    re.DOTALL,
)
_MAX_HEADER_BYTES = 256


class StampsRefused(InferenceError):
    """An array of pictures that cannot be read, or is not what was said of it."""


def write_stamps(path: Path, blocks: Iterable[NDArray[np.uint8]], *, n: int, size_px: int) -> str:
    """Store n pictures that come in blocks, uint8 (any, size_px, size_px, 3); return the SHA-256.

    The file has its name only when it is whole.

    Raises:
        StampsRefused: the blocks do not hold n pictures of this size; nothing is stored then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    header = io.BytesIO()
    shape = (int(n), int(size_px), int(size_px), 3)
    write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    digest = hashlib.sha256(header.getvalue())
    with whole_file(path) as file:
        file.write(header.getvalue())
        written = 0
        for block in blocks:
            _check_block(block, size_px)
            written += len(block)
            if written > n:
                break
            data = block.tobytes()
            file.write(data)
            digest.update(data)
        if written != n:
            more = "more" if written > n else f"{written:,}"
            raise StampsRefused(
                f"{more.capitalize()} pictures came where {n:,} belong, one a galaxy of the "
                f"catalog: make the stamps again."
            )
    return digest.hexdigest()


def read_stamps(path: Path, *, n: int, size_px: int) -> NDArray[np.uint8]:
    """Return the pictures, uint8 (n, size_px, size_px, 3), mapped from the disk.

    Raises:
        StampsRefused: the file is missing, cut off, or of another shape.
    """
    stamps = read_all_stamps(path)
    if stamps.shape != (n, size_px, size_px, 3):
        raise StampsRefused(
            f"{path.name} holds {len(stamps):,} pictures of {stamps.shape[1]} px, and {n:,} of "
            f"{size_px} px are wanted: make the stamps again."
        )
    return stamps


def read_all_stamps(path: Path) -> NDArray[np.uint8]:
    """Return however many pictures a file holds, uint8 (N, S, S, 3), mapped from the disk.

    Raises:
        StampsRefused: the file is missing, cut off, or no array of pictures.
    """
    try:
        with path.open("rb") as file:
            start, size_bytes = file.read(_MAX_HEADER_BYTES), file.seek(0, io.SEEK_END)
    except OSError as error:
        raise StampsRefused(
            f"{path.name} cannot be read ({error.strerror}): make the stamps again."
        ) from None
    found = _HEADER.match(start)
    if found is None or int.from_bytes(found[1], "little") != found.end() - 10:
        raise StampsRefused(
            f"{path.name} is no array of pictures, uint8 (N, S, S, 3) in NumPy's format: make the "
            f"stamps again."
        )
    n, size_px = int(found[2]), int(found[3])
    wanted = found.end() + n * size_px * size_px * 3
    if size_bytes != wanted:
        raise StampsRefused(
            f"{path.name} has {size_bytes:,} bytes, and {n:,} pictures of {size_px} px are "
            f"{wanted:,}: the copy is incomplete or was changed, so copy it or make it again."
        )
    return np.memmap(path, np.uint8, "r", found.end(), (n, size_px, size_px, 3))


def _check_block(block: NDArray[np.uint8], size_px: int) -> None:
    if block.dtype != np.uint8 or block.shape[1:] != (size_px, size_px, 3):
        raise StampsRefused(
            f"Pictures of the shape {block.shape} and type {block.dtype} came where {size_px} x "
            f"{size_px} x 3 bytes belong: make all stamps of this size."
        )
