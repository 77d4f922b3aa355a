"""What a server looks at when it starts, beyond its settings: disk, database, clock, tables.

A database that is away is no reason to refuse: the process goes on, /readyz says so, and requests
get through once it is back. One that answers, and refuses, will not change its mind by itself.
"""

import logging
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from celery.signals import beat_init, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import pq
from psycopg.conninfo import make_conninfo

from webapp.cluster import CannotStart
from webapp.common import checks
from webapp.common.outage import is_unavailability
from webapp.embedded import check_durability

logger = logging.getLogger(__name__)
MB = 1_000_000
OLDEST_POSTGRES = 18
CLOCKS_APART_S = 60
CONNECT_WITHIN_S = 5

NO_SPACE = (
    "Only {free_mb:,} MB are free on the disk of {folder}, and {least_mb:,} are wanted. Make "
    "space, or set LEAST_FREE_MB."
)
WRONG_DATABASE = (
    "The database answers and refuses ({said}). Correct user, password and name in DATABASE_URL; "
    "a role that serves the site gets its rights by manage.py grant_site_role."
)
OLD_DATABASE = (
    "The database is PostgreSQL {version}, and this site needs {oldest} or newer. Let DATABASE_URL "
    "name one."
)
CLOCKS_APART = (
    "This machine's clock is {apart_s:.0f} s {direction} the database's. Let both follow a time "
    "server (NTP)."
)
NOT_MIGRATED = "{n_open} migrations have not been run. Run them first: manage.py migrate"


def refuse_unsafe() -> None:
    """Stop a server that must not serve people; local mode is never stopped.

    Raises:
        ImproperlyConfigured: with the first thing that is wrong, and what to do about it.
    """
    if settings.LOCAL_MODE:
        return
    try:
        found = [*(words for _, words in checks.problems())] or [*obstacles()]
    finally:
        connection.close()  # processes are forked from this one
    if found:
        raise ImproperlyConfigured(found[0])


@worker_init.connect
@beat_init.connect
def refuse_unsafe_process(**_: object) -> None:
    """End a worker or beat that must not work; Celery would only log an exception."""
    try:
        refuse_unsafe()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def obstacles() -> Iterator[str]:
    """Give a sentence for each thing around this process that is wrong."""
    if (free := free_mb(settings.VAR_DIR)) < settings.LEAST_FREE_MB:
        folder, least_mb = settings.VAR_DIR, settings.LEAST_FREE_MB
        yield NO_SPACE.format(free_mb=free, folder=folder, least_mb=least_mb)
    try:
        yield from _database()
    except DatabaseError as error:
        said = _said(error)
        if is_unavailability(error) and not _answers():
            logger.warning("The database is away (%s); the site starts and waits for it.", said)
        else:
            yield WRONG_DATABASE.format(said=said)


def free_mb(folder: Path) -> int:
    """Return how many megabytes are free on the disk of a folder, whether it exists yet or not."""
    return shutil.disk_usage(existing(folder)).free // MB


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that there is."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def n_open_migrations() -> int:
    """Return how many migrations of this version the database has not had."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _database() -> Iterator[str]:
    with connection.cursor() as cursor:
        asked_at = time.time()
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp())::float8, "
            "current_setting('server_version_num')::int / 10000"
        )
        now, version = cursor.fetchone()
    ahead_s = (asked_at + time.time()) / 2 - now
    if version < OLDEST_POSTGRES:
        yield OLD_DATABASE.format(version=version, oldest=OLDEST_POSTGRES)
    if abs(ahead_s) > CLOCKS_APART_S:
        direction = "ahead of" if ahead_s > 0 else "behind"
        yield CLOCKS_APART.format(apart_s=abs(ahead_s), direction=direction)
    try:
        check_durability(connection)
    except CannotStart as error:
        yield str(error)
    if n_open := n_open_migrations():
        yield NOT_MIGRATED.format(n_open=n_open)


def _said(error: DatabaseError) -> str:
    """Return PostgreSQL's own sentence; of a connection that failed it is the last line."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "message_primary", None) or str(error).strip().splitlines()[-1]


def _answers() -> bool:
    """Return whether a server takes connections there, of whomever."""
    address = make_conninfo(settings.DATABASE_URL, connect_timeout=CONNECT_WITHIN_S)
    return pq.PGconn.ping(address.encode()) == pq.Ping.OK
