"""A backup is a folder: the database, the list of the site's files, and what both should be.

`SHA256SUMS` is written last and names the others, so that `sha256sum --check` proves them on any
machine; the folder has its name once all of them are on disk.
"""

import contextlib
import fcntl
import gzip
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from inference.formats.atomic import file_sha256
from webapp.backups.errors import BackupRefused, Busy, NotPossible
from webapp.backups.seal import Hashing, Seal
from webapp.backups.store import Store

NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", re.ASCII)
PROGRAM, FORMAT = "tuning-fork", 1
FACTS, DATABASE, FILES, SUMS = "backup.json", "database.dump", "files.jsonl.gz", "SHA256SUMS"
UNFINISHED = ".unfinished-"
_LINE = re.compile(r"([0-9a-f]{64})  ([a-z0-9.]+)", re.ASCII)


@dataclass(frozen=True)
class Backup:
    """A backup whose three files are, byte for byte, what they should be."""

    path: Path
    seal: Seal
    facts: dict[str, Any]

    @property
    def store(self) -> Store:
        """Where its files of the site are."""
        return Store(self.path.parent, self.seal)

    def read_database(self, target: IO[bytes]) -> None:
        """Write pg_dump's file to where somebody wants it."""
        with (self.path / f"{DATABASE}{self.seal.suffix}").open("rb") as file:
            self.seal.read(file, target)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield SHA-256 and name of each of the site's files, the place first: "media/..."."""
        return _files(self.path, self.seal)


def _files(path: Path, seal: Seal) -> Iterator[tuple[str, str]]:
    with (
        (path / f"{FILES}{seal.suffix}").open("rb") as sealed,
        tempfile.TemporaryFile() as plain,
    ):
        seal.read(sealed, plain)
        plain.seek(0)
        with gzip.open(plain, "rt", encoding="utf-8") as lines:
            for line in lines:
                sha256, name = json.loads(line)
                yield sha256, name


def open_backup(path: Path, key: str) -> Backup:
    """Read a backup, and prove that its files are what was written; nothing is changed.

    Args:
        key: see `Seal`.

    Raises:
        BackupRefused: it is cut off, changed, written with another key, or no backup of a site of
            this kind.
    """
    if not (path / SUMS).is_file():
        raise BackupRefused(
            f"{path} is no backup: it has no file {SUMS}. Name a folder that `backup` has made."
        )
    sums = _sums(path)
    is_sealed = f"{FACTS}.age" in sums
    if is_sealed and not key:
        raise BackupRefused(f"{path} is encrypted: set BACKUP_KEY_FILE to its key's file.")
    seal = Seal(key if is_sealed else "")
    wanted = {f"{name}{seal.suffix}" for name in (FACTS, DATABASE, FILES)}
    if sums.keys() != wanted:
        raise BackupRefused(
            f"{path / SUMS} names {', '.join(sorted(sums)) or 'nothing'}, and a backup has "
            f"{', '.join(sorted(wanted))}: it is cut off, or of another program."
        )
    for name, sha256 in sums.items():
        _check_part(path / name, sha256)
    return Backup(path, seal, _facts(path, seal, sums))


def needed_files(path: Path, key: str) -> set[str]:
    """Return the names that a backup's files of the site have in the store.

    Raises:
        BackupRefused: its list cannot be read, or is not what was written.
    """
    sums = _sums(path)
    seal = Seal(key if f"{FILES}.age" in sums else "")
    name = f"{FILES}{seal.suffix}"
    _check_part(path / name, sums.get(name, ""))
    return {seal.name(sha256) for sha256, _ in _files(path, seal)}


def _sums(path: Path) -> dict[str, str]:
    found = {}
    for line in (path / SUMS).read_text(encoding="ascii", errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise BackupRefused(f"{path / SUMS} was changed or cut off: take another backup.")
        found[match[2]] = match[1]
    return found


def _check_part(path: Path, sha256: str) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise BackupRefused(
            f"{path} cannot be read ({error.strerror}): the backup is cut off, take another one."
        ) from None
    if found != sha256:
        raise BackupRefused(
            f"{path} has the SHA-256 {found[:12]}, and was written with {sha256[:12]}: it was "
            f"changed or cut off, take another backup."
        )


def _facts(path: Path, seal: Seal, sums: dict[str, str]) -> dict[str, Any]:
    with (path / f"{FACTS}{seal.suffix}").open("rb") as file, tempfile.TemporaryFile() as plain:
        seal.read(file, plain)
        plain.seek(0)
        try:
            facts = json.load(plain)
        except ValueError:
            facts = None
    if not isinstance(facts, dict) or facts.get("program") != PROGRAM:
        raise BackupRefused(f"{path} is a backup of another program, and cannot be used here.")
    if facts.get("format") != FORMAT:
        raise BackupRefused(
            f"{path} is of the format {facts.get('format')!r}, and this checkout reads {FORMAT}: "
            f"use the version of the site that made it ({facts.get('version')})."
        )
    if facts["parts"] != {name: sums[name] for name in facts["parts"]}:
        raise BackupRefused(f"{path} holds files of two backups: take another one.")
    return facts


class Draft:
    """A backup that is being written: in a folder that no one takes for a backup."""

    def __init__(self, folder: Path, name: str, seal: Seal) -> None:
        self.path, self.target, self.seal = folder / f"{UNFINISHED}{name}", folder / name, seal
        self.path.mkdir(mode=0o700)
        self._sums: dict[str, str] = {}

    def add(self, name: str, source: IO[bytes]) -> None:
        """Write one of its files."""
        with (self.path / f"{name}{self.seal.suffix}").open("xb") as file:
            written = Hashing(file)
            self.seal.write(source, written)
            _to_disk(file)
        self._sums[f"{name}{self.seal.suffix}"] = written.sha256

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield what the list has, which must have been added."""
        return _files(self.path, self.seal)

    def finish(self, facts: dict[str, Any]) -> Path:
        """Write what it should be, and give it its name."""
        whole = {"program": PROGRAM, "format": FORMAT, **facts, "parts": dict(self._sums)}
        with tempfile.TemporaryFile() as text:
            text.write(json.dumps(whole, indent=1, allow_nan=False).encode())
            text.seek(0)
            self.add(FACTS, text)
        lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(self._sums.items())]
        with (self.path / SUMS).open("x", encoding="ascii") as file:
            file.write("".join(lines))
            _to_disk(file)
        self.path.rename(self.target)
        return self.target


def _to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def backups_in(folder: Path) -> list[Path]:
    """Return the whole backups of a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let nobody else write to, or read from, the backups of a folder.

    Raises:
        Busy: somebody does.
        NotPossible: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a")
    except OSError as error:
        raise NotPossible(
            f"{folder} cannot be written to ({error.strerror}): give this user the right, or set "
            f"BACKUP_DIR to another folder."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"Another process works on the backups of {folder}: wait until it is done."
            ) from None
        yield
