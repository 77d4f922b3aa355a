"""Files that appear whole or not at all, and are read only if they are what they seem."""

import errno
import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that has its name, and is on disk, once the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4()}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all; NaN is a ValueError."""
    write_text(path, json.dumps(dict(values), allow_nan=False, indent=2) + "\n")


def append_line(path: Path, line: str) -> None:
    """Add a line to a text in one write; one that was cut off before stays on a line of its own.

    Raises:
        OSError: the file is a link, or cannot be written.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o666)
    try:
        end = os.fstat(descriptor).st_size
        is_cut_off = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, f"{chr(10) if is_cut_off else ''}{line}\n".encode(errors="replace"))
    finally:
        os.close(descriptor)


def read_plain(path: Path, *, max_bytes: int) -> bytes:
    """Return what a file holds; others may have put it there.

    Raises:
        OSError: it is missing, a link, a pipe or a device, or larger than max_bytes.
    """
    with open(path, "rb", opener=_plain) as file:
        _check_plain(file, path)
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"It is larger than {max_bytes:,} bytes", str(path))
    return data


def read_end(path: Path, *, n_bytes: int) -> bytes:
    """Return at most the last n_bytes of a file; others may have put it there.

    Raises:
        OSError: it is missing, a link, a pipe or a device.
    """
    with open(path, "rb", opener=_plain) as file:
        _check_plain(file, path)
        file.seek(max(0, os.fstat(file.fileno()).st_size - n_bytes))
        return file.read(n_bytes)


def _plain(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _check_plain(file: BinaryIO, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError(errno.EINVAL, "It is no plain file", str(path))


def file_sha256(path: Path) -> str:
    """Return the hash of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
