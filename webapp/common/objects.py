"""An object store of S3's kind, which fails as a disk fails.

Imported only where MEDIA_S3_BUCKET names a bucket.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say what the object store says as a disk would: whoever stores files expects that."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(errno.EIO, f"The object store says: {error}", name) from error


class ObjectStorage(S3Storage):  # type: ignore[misc]  # the package has no types
    """A part of a bucket."""

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        with _told(name):
            return bool(super().exists(name))

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is as good."""
        with _told(name):
            super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the folders and the files of a folder."""
        with _told(path):
            folders, names = super().listdir(path)
            return folders, names

    def _save(self, name: str, content: "File[Any]") -> str:
        with _told(name):
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        """Open a file, and read it at once, so that it fails here or not at all."""
        with _told(name):
            file: File[Any] = super()._open(name, mode)
            _ = file.file
            return file
