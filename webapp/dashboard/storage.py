"""Where the bytes are, on the disk under VAR_DIR and in the database, and what is in the way."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from webapp.common.checks import is_writable
from webapp.common.start import existing


@dataclass(frozen=True)
class Storage:
    """Sizes in bytes, and for how long the database could not clean up."""

    disk_bytes: int
    free_bytes: int
    database_bytes: int
    oldest_transaction_s: float = 0.0  # of the database
    unwritable: tuple[Path, ...] = ()  # folders

    @property
    def used_bytes(self) -> int:
        """What is taken of the disk, by whomever."""
        return self.disk_bytes - self.free_bytes


# While a transaction is open, nothing that was outdated after its beginning can be cleaned away. Of
# other roles' transactions a role sees the age only with pg_read_all_stats.
_OLDEST = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
"""


def oldest_transaction_s() -> float:
    """Return for how long the oldest transaction of others has been open, 0 without any."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        return max(0.0, float(cursor.fetchone()[0]))


def unwritable() -> tuple[Path, ...]:
    """Return the folders that this process should be able to write to, and cannot."""
    folders = (settings.MEDIA_ROOT, settings.UPLOADS_ROOT, settings.EXPORTS_ROOT)
    return tuple(Path(folder) for folder in folders if not is_writable(Path(folder)))


def storage() -> Storage:
    """Ask the disk and the database."""
    disk = shutil.disk_usage(existing(settings.VAR_DIR))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        n_bytes = cursor.fetchone()[0]
    return Storage(disk.total, disk.free, n_bytes, oldest_transaction_s(), unwritable())
