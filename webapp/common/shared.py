"""Files that every machine sees: models, files that were asked for, releases.

Without an object store they lie in folders that all machines share. With one they are in it, and a
folder of this machine has the copies that were made or needed here.
"""

from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages

from inference.formats.atomic import whole_file

BLOCK = 1 << 20


def beyond(place: str) -> Storage | None:
    """Return where the files of a place are for all machines; None if its folder is shared.

    Args:
        place: "models", "exports" or "releases".
    """
    return storages[place] if place in settings.STORAGES else None


def share(place: str, name: str, path: Path) -> None:
    """Let every machine have a file that was made here.

    Raises:
        OSError: the object store does not take it.
    """
    if (storage := beyond(place)) is not None:
        with path.open("rb") as file:
            storage.save(name, File(file))


def hand_over(place: str, name: str, path: Path) -> None:
    """Let every machine have a file that was made here, and keep no copy beside.

    Raises:
        OSError: the object store does not take it.
    """
    share(place, name, path)
    if beyond(place) is not None:
        path.unlink()


def opened(place: str, name: str, path: Path) -> IO[bytes]:
    """Open a file, wherever it is.

    Raises:
        OSError: it is nowhere.
    """
    storage = beyond(place)
    if path.is_file() or storage is None:
        return path.open("rb")
    return storage.open(name).open("rb")


def fetch(place: str, name: str, path: Path) -> None:
    """Have a copy of a file here, if it is anywhere.

    Raises:
        OSError: the object store does not give it, or the disk is full.
    """
    storage = beyond(place)
    if storage is None or path.is_file() or not storage.exists(name):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with storage.open(name) as source, whole_file(path) as file:
        for block in source.chunks(BLOCK):
            file.write(block)


def remove(place: str, name: str, path: Path) -> None:
    """Remove a file, here and for everybody."""
    path.unlink(missing_ok=True)
    if (storage := beyond(place)) is not None:
        storage.delete(name)
