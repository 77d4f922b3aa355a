"""Removing old backups, and the files that none of the others holds."""

import shutil
from pathlib import Path

from webapp.backups.errors import BackupRefused
from webapp.backups.folder import UNFINISHED, backups_in, held, needed_files
from webapp.backups.seal import Seal
from webapp.backups.store import Store


def remove_old(folder: Path, *, keep: int, key: str = "") -> int:
    """Keep the newest backups of a folder, and return how many were removed.

    Args:
        key: see `Seal`.

    Raises:
        BackupRefused: the list of one that stays cannot be read, so that no files were removed.
    """
    with held(folder):
        old = backups_in(folder)[:-keep]
        for path in old:
            removed = path.with_name(f"{UNFINISHED}{path.name}")
            path.rename(removed)  # so that what is left of it is no backup any more
            shutil.rmtree(removed)
        try:
            needed = {name for path in backups_in(folder) for name in needed_files(path, key)}
        except (BackupRefused, OSError) as error:
            raise BackupRefused(f"The files of removed backups stay: {error}") from None
        Store(folder, Seal("")).remove_all_but(needed)
    return len(old)
