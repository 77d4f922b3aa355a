"""Where backups keep the site's files: each content once, however many backups hold it."""

import os
import uuid
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from webapp.backups.errors import BackupRefused
from webapp.backups.seal import Hashing, HashingSource, Seal

FOLDER = "files"  # beside the backups
DRAFT = "."


@dataclass(frozen=True)
class Store:
    """The files of the backups in a folder."""

    folder: Path
    seal: Seal

    def path(self, sha256: str) -> Path:
        """Return where the file of this content is, or would be."""
        name = self.seal.name(sha256)
        return self.folder / FOLDER / name[:2] / name

    def has(self, sha256: str) -> bool:
        """Say whether it is there."""
        return self.path(sha256).is_file()

    def add(self, source: IO[bytes], expected: str = "") -> str:
        """Keep a content, and return its SHA-256; it is there whole or not at all.

        Args:
            expected: the SHA-256 that it should have; nothing is kept if it has another.
        """
        draft = self.folder / FOLDER / f"{DRAFT}{uuid.uuid4()}"
        draft.parent.mkdir(parents=True, exist_ok=True)
        read = HashingSource(source)
        try:
            with draft.open("xb") as file:
                self.seal.write(read, file)
                file.flush()
                os.fsync(file.fileno())
            if read.sha256 == (expected or read.sha256):
                path = self.path(read.sha256)
                path.parent.mkdir(exist_ok=True)
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return read.sha256

    def check(self, sha256: str, target: IO[bytes] | None = None) -> None:
        """Read a content, and write it to where somebody wants it.

        Raises:
            BackupRefused: it is not there, or not what it was.
        """
        read = Hashing(target)
        path = self.path(sha256)
        try:
            with path.open("rb") as file:
                self.seal.read(file, read)
        except FileNotFoundError:
            raise BackupRefused(f"{path} is missing: take another backup.") from None
        if read.sha256 != sha256:
            raise BackupRefused(f"{path} was changed after it was written: take another backup.")

    def remove_all_but(self, kept: Container[str]) -> int:
        """Remove what no backup holds any more; return how many files.

        Args:
            kept: the names of files, as `Seal.name` gives them, of all backups there are.
        """
        n_removed = 0
        for path in self._paths():
            if path.name not in kept:
                path.unlink()
                n_removed += 1
        return n_removed

    def remove_drafts(self) -> None:
        """Remove what a process that was killed has left."""
        for path in (self.folder / FOLDER).glob(f"{DRAFT}*"):
            path.unlink(missing_ok=True)

    def _paths(self) -> Iterator[Path]:
        return (self.folder / FOLDER).glob("[0-9a-f][0-9a-f]/*")
