"""The files of a site that a backup holds: pictures, models, releases, what came of runs.

Uploads and files that somebody asked for are not among them: they are sent or asked for again.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from inference.formats.atomic import whole_file
from webapp.common import shared

CONTENT = re.compile(r"([0-9a-f]{64})\.[a-z]{3,4}", re.ASCII)
DRAFT = re.compile(r"\..+\.[0-9a-f-]{36}", re.ASCII)  # see whole_file
# A run that goes on has its pictures and states; what came of one that ended is kept.
LEFT_OUT = {"stamps", "checkpoints", "claim"}


@dataclass(frozen=True)
class Place:
    """A folder of the site, or a part of an object store.

    Args:
        is_by_content: each file's name is its SHA-256, and files of other names are no part of it.
    """

    name: str
    storage: Storage
    is_by_content: bool
    mode: int = 0o644

    def names(self) -> Iterator[str]:
        """Yield the name of each file, with "/" between folders; none that is being written."""
        for name in self._all():
            parts = PurePosixPath(name).parts
            if self.is_by_content and not CONTENT.fullmatch(parts[-1]):
                continue
            if not any(part.startswith(".") or part in LEFT_OUT for part in parts):
                yield name

    def _all(self) -> Iterator[str]:
        if not isinstance(self.storage, FileSystemStorage):
            yield from _listed(self.storage, "")
            return
        top = self.storage.location
        for folder, _, names in os.walk(top):
            for path in (Path(folder, name) for name in names):
                # A trainer writes to the runs too: a link could lead anywhere, a pipe never ends.
                with contextlib.suppress(FileNotFoundError):
                    if stat.S_ISREG(path.lstat().st_mode):
                        yield path.relative_to(top).as_posix()

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read it."""
        if isinstance(self.storage, FileSystemStorage):
            return Path(self.storage.path(name)).open("rb")
        return self.storage.open(name).open("rb")

    def write(self, name: str, content: IO[bytes]) -> None:
        """Write a file, which has its name once it is whole."""
        if not isinstance(self.storage, FileSystemStorage):
            self.storage.save(name, File(content))
            return
        path = Path(self.storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            while block := content.read(1 << 20):
                file.write(block)
            os.fchmod(file.fileno(), self.mode)

    def remove_drafts(self) -> None:
        """Remove what a process left that was killed while it wrote a file."""
        if isinstance(self.storage, FileSystemStorage):
            for folder, _, names in os.walk(self.storage.location):
                for name in filter(DRAFT.fullmatch, names):
                    Path(folder, name).unlink()

    def is_empty(self) -> bool:
        """Say whether nothing at all lies there."""
        return next(self._all(), None) is None

    @property
    def words(self) -> str:
        """Where it is."""
        return str(getattr(self.storage, "location", "") or self.name)


def _listed(storage: Storage, folder: str) -> Iterator[str]:
    folders, names = storage.listdir(folder)
    yield from (f"{folder}{name}" for name in names if name)
    for inner in folders:
        yield from _listed(storage, f"{folder}{inner}/")


def places() -> dict[str, Place]:
    """Return all of them by name."""
    found = [
        Place("media", storages["default"], is_by_content=True),
        Place("originals", storages["originals"], is_by_content=True),
        Place("models", _shared("models", settings.MODELS_ROOT), is_by_content=True, mode=0o440),
        Place("releases", _shared("releases", settings.RELEASES_ROOT), is_by_content=False),
        Place("runs", _folder(settings.RUNS_DIR), is_by_content=False),
    ]
    return {place.name: place for place in found}


def _shared(name: str, path: Path) -> Storage:
    return shared.beyond(name) or _folder(path)


def _folder(path: Path) -> FileSystemStorage:
    return FileSystemStorage(location=path)
