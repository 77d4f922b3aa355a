"""Pictures in a ZIP file that a stranger made: nothing is unpacked to disk, nothing is believed.

The directory at the end is measured before Python's zipfile reads it, since that keeps every member
in memory; then each member's own header must say what the directory says.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from inference.errors import shown
from inference.vision.picture import MAX_FILE_BYTES, too_large
from webapp.subjects.rows import RowRefused, SourceRefused, is_hidden, path_problem

MAX_MEMBERS = 50_000
MAX_RATIO = 50
MAX_UNPACKED_BYTES = 20_000_000_000
_FREE_BYTES = 20_000_000  # a small archive may unpack to this much whatever the ratio
_MAX_DIRECTORY_BYTES = 400 * MAX_MEMBERS

# PKWARE's APPNOTE.TXT 6.3.10: 4.3.16, 4.3.15, 4.3.14 and 4.3.7.
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 0x1 | 0x40 | 0x2000
# What zipfile raises for a damaged archive; UnicodeDecodeError is a ValueError.
_DAMAGE = (
    zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error, zlib.error,
)  # fmt: skip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class PictureArchive:
    """The files in a ZIP file; refused as a whole if it looks like an attack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise SourceRefused(f"{path.name} cannot be read ({error.strerror}).") from error
        try:
            self._archive, members = _opened(self._file)
        except _DAMAGE as error:
            self.close()
            raise SourceRefused(
                f"The ZIP file is damaged ({error}): make it again and upload it again."
            ) from error
        except BaseException:
            self.close()
            raise
        self._members = {
            info.filename: info
            for info in members
            if not info.is_dir() and not is_hidden(info.filename)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def fingerprint(self) -> str:
        """Size and time of the file."""
        state = self.path.stat()
        return f"zip {state.st_size} {state.st_mtime_ns}"

    def names(self) -> Sequence[str]:
        """Return the members' names in the order of the archive."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Return a member's content, reading no more than it claims to be.

        Raises:
            RowRefused: it is missing, too large or damaged.
        """
        info = self._members.get(name)
        if info is None:
            raise RowRefused(f"{shown(name)} is not in the ZIP file: add it, or correct the name.")
        if info.file_size > MAX_FILE_BYTES:
            raise RowRefused(too_large(info.file_size))
        try:
            with self._archive.open(info) as member:
                content = member.read(info.file_size + 1)
        except _DAMAGE as error:
            raise RowRefused(
                f"{shown(name)} is damaged in the ZIP file: make the ZIP file again."
            ) from error
        if len(content) != info.file_size:
            raise RowRefused(
                f"{shown(name)} has {len(content):,} bytes and not the {info.file_size:,} that the "
                f"ZIP file claims: make the ZIP file again."
            )
        return content


@dataclass(frozen=True)
class _Directory:
    """Where the directory lies; offsets in bytes from the start of the file."""

    n_members: int
    n_bytes: int
    start: int
    end: int


def _opened(file: BinaryIO) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    directory = _directory(file)
    _check_size(directory)
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if len(members) != directory.n_members or archive.start_dir != directory.start:
        raise SourceRefused("The ZIP file's directory contradicts itself: make it again.")
    _check_members(members)
    _check_total(members, directory)
    _check_places(file, members, directory)
    return archive, members


def _directory(file: BinaryIO) -> _Directory:
    size = file.seek(0, 2)
    start = file.seek(max(0, size - _END.size - _MAX_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END.size:
        raise SourceRefused("The file is no ZIP file, or is cut off: make it again.")
    _, disk, first_disk, n_here, n_members, n_bytes, offset, n_comment = _END.unpack_from(tail, at)
    if at + _END.size + n_comment != len(tail):
        raise SourceRefused("The ZIP file has something behind its end: make it again.")
    if disk or first_disk or n_here != n_members:
        raise SourceRefused("The ZIP file is one part of several: make one file of them.")
    found = _Directory(n_members, n_bytes, offset, start + at)
    found = _large_directory(file, found) or found
    if found.start + found.n_bytes != found.end:
        raise SourceRefused("The ZIP file has something before or behind it: make it again.")
    return found


def _large_directory(file: BinaryIO, small: _Directory) -> _Directory | None:
    """Return what the ZIP64 records say, which must not contradict the ordinary ones."""
    at = small.end - _LOCATOR.size
    if at < 0:
        return None
    file.seek(at)
    sign, _, offset, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
    if sign != b"PK\6\7":
        return None
    file.seek(offset)
    fields = _END_64.unpack(file.read(_END_64.size))
    found = _Directory(fields[7], fields[8], fields[9], offset)
    agrees = all(
        short in (full, sentinel)
        for short, full, sentinel in [
            (small.n_members, found.n_members, 0xFFFF),
            (small.n_bytes, found.n_bytes, 0xFFFFFFFF),
            (small.start, found.start, 0xFFFFFFFF),
        ]
    )
    if fields[0] != b"PK\6\6" or offset + 12 + fields[1] != at or not agrees:
        raise SourceRefused("The ZIP file's two directories contradict each other: make it again.")
    return found


def _check_size(directory: _Directory) -> None:
    if directory.n_members > MAX_MEMBERS or directory.n_bytes > _MAX_DIRECTORY_BYTES:
        raise SourceRefused(
            f"The ZIP file has {directory.n_members:,} members in a directory of "
            f"{directory.n_bytes:,} bytes, and at most {MAX_MEMBERS:,} members are accepted: "
            f"split it."
        )


def _check_members(members: Sequence[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for info in members:
        name = info.orig_filename
        if problem := path_problem(name.removesuffix("/")):
            raise SourceRefused(f"The ZIP file's member {shown(name)} {problem}.")
        if name in seen:
            raise SourceRefused(f"The ZIP file holds {shown(name)} twice: remove one of them.")
        seen.add(name)
        _check_kind(info)


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceRefused(
            f"The ZIP file's member {shown(info.filename)} is a link or a device: "
            f"put the picture itself in."
        )
    if info.flag_bits & _ENCRYPTED:
        raise SourceRefused(
            f"The ZIP file's member {shown(info.filename)} is encrypted: make it without "
            f"a password."
        )
    if info.compress_type not in _METHODS:
        raise SourceRefused(
            f"The ZIP file's member {shown(info.filename)} is compressed by method "
            f"{info.compress_type}, and only plain ZIP (deflate) is accepted: make it again."
        )


def _check_total(members: Sequence[zipfile.ZipInfo], directory: _Directory) -> None:
    n_bytes = sum(info.file_size for info in members)
    limit = min(MAX_UNPACKED_BYTES, max(_FREE_BYTES, MAX_RATIO * directory.end))
    if n_bytes > limit:
        raise SourceRefused(
            f"The ZIP file of {directory.end:,} bytes would unpack to {n_bytes:,} bytes, and at "
            f"most {limit:,} are accepted: split it, or leave out what is no picture."
        )


def _check_places(
    file: BinaryIO, members: Sequence[zipfile.ZipInfo], directory: _Directory
) -> None:
    """Walk the members in the order of the file: none may begin inside another."""
    free_from = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < free_from or (free_from == 0 and info.header_offset):
            raise SourceRefused(
                f"The ZIP file's member {shown(info.filename)} overlaps with another: "
                f"make it again."
            )
        free_from = _end_of(file, info)
    if free_from > directory.start:
        raise SourceRefused(
            "The ZIP file's last member overlaps with its directory: make it again."
        )


def _end_of(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset)
    sign, _, flags, method, _, _, _, _, _, n_name, n_extra = _LOCAL.unpack(file.read(_LOCAL.size))
    name = file.read(n_name)
    encoding = "utf-8" if flags & 0x800 else "cp437"
    is_same = (method, name.decode(encoding)) == (info.compress_type, info.orig_filename)
    if sign != b"PK\3\4" or not is_same or flags & _ENCRYPTED:
        raise SourceRefused(
            f"The ZIP file's member {shown(info.filename)} is described in two ways: make it again."
        )
    n_header = _LOCAL.size + int(n_name) + int(n_extra)
    return info.header_offset + n_header + info.compress_size
