"""Where the bytes are: the disk under VAR_DIR, and the database wherever it is."""

import shutil
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from webapp.common.start import existing


@dataclass(frozen=True)
class Storage:
    """Sizes in bytes."""

    disk_bytes: int
    free_bytes: int
    database_bytes: int

    @property
    def used_bytes(self) -> int:
        """What is taken of the disk, by whomever."""
        return self.disk_bytes - self.free_bytes


def storage() -> Storage:
    """Ask the disk and the database."""
    disk = shutil.disk_usage(existing(settings.VAR_DIR))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return Storage(disk.total, disk.free, cursor.fetchone()[0])
