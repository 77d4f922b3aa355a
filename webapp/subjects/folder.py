"""Pictures in a folder of the server."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from inference.errors import shown
from inference.vision.picture import MAX_FILE_BYTES, too_large
from webapp.subjects.rows import MAX_ROWS, RowRefused, SourceRefused, is_hidden


class PictureFolder:
    """The regular files below a folder; links that lead out of it are not followed."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise SourceRefused(f"There is no folder {root}: check the path.")
        self.root = root.resolve()
        self._names = sorted(_files(self.root))

    @property
    def fingerprint(self) -> str:
        """A digest of the names; a picture that changes is judged by its own content."""
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(os.fsencode(name) + b"\0")
        return f"folder {digest.hexdigest()}"

    def names(self) -> Sequence[str]:
        """Return the paths relative to the folder, with / between folders, sorted."""
        return self._names

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            RowRefused: it is missing, no regular file, outside of the folder, or too large.
        """
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root):
            raise RowRefused(f"{shown(name)} leads out of the folder: copy the picture into it.")
        try:
            # Not blocking: a pipe in the place of a file must not keep the worker waiting.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as error:
            raise RowRefused(
                f"{shown(name)} cannot be read ({error.strerror}): check the file."
            ) from error
        with os.fdopen(descriptor, "rb") as file:
            return _content(file.fileno(), name)


def _content(descriptor: int, name: str) -> bytes:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        raise RowRefused(f"{shown(name)} is no regular file: put the picture itself there.")
    if state.st_size > MAX_FILE_BYTES:
        raise RowRefused(too_large(state.st_size))
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(MAX_FILE_BYTES)


def _files(root: Path) -> Iterator[str]:
    n_files = 0
    for folder, _, files in os.walk(root):
        for file in files:
            name = Path(folder, file).relative_to(root).as_posix()
            if is_hidden(name):
                continue
            n_files += 1
            if n_files > MAX_ROWS:
                raise SourceRefused(
                    f"{root} holds more than {MAX_ROWS:,} files: split it into several folders."
                )
            yield name
