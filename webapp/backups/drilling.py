"""The drill: a backup is restored beside the site, compared, and thrown away again."""

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

from webapp.backups import tools
from webapp.backups.comparing import FIRST, compare
from webapp.backups.errors import Busy, DrillFailed, NotPossible
from webapp.backups.examine import examine
from webapp.backups.folder import NAME, Backup, held, open_backup
from webapp.backups.models import Drill
from webapp.backups.restoring import check_files, check_version, restore_database
from webapp.common.errors import DomainError

LOCK = 7_263_155_001  # of PostgreSQL: one drill at a time


def try_backup(path: Path, *, key: str = "") -> Drill:
    """Restore a backup into a database of its own, compare all there is, and note what came out.

    Args:
        key: see `Seal`.

    Raises:
        NotPossible: no database can be made, or another process works on the backups; nothing is
            noted then.
    """
    if not NAME.fullmatch(path.name) or not path.is_dir():
        raise NotPossible(f"{path} is no backup. Name a folder that `backup` has made.")
    started_s = time.monotonic()
    with held(path.parent):
        try:
            backup = open_backup(path, key)
            made_at = datetime.fromisoformat(backup.facts["made_at"])
            words, is_good = _tried(backup), True
        except NotPossible:
            raise
        except DomainError as error:
            made_at, words, is_good = _made_at(path), str(error), False
    return Drill.objects.create(
        backup=path.name, made_at=made_at, is_good=is_good, words=words,
        seconds=time.monotonic() - started_s,
    )  # fmt: skip


def _made_at(path: Path) -> datetime:
    """Return what the name of a backup says, which may be all that can be read of it."""
    return datetime.strptime(f"{path.name}+0000", "%Y-%m-%dT%H-%M-%SZ%z")


def _tried(backup: Backup) -> str:
    check_version(backup, may_migrate=True)
    n_files = check_files(backup)
    with _scratch() as database:
        try:
            restore_database(backup, database)
        except NotPossible as error:
            raise DrillFailed(str(error)) from None
        found = compare(backup, database)
        examined = examine(database, may_migrate=True)
    words = (
        f"{found.n_rows:,} rows of {found.n_tables} tables, {found.n_sampled:,} of them compared; "
        f"{n_files:,} files read; {examined['n_campaigns']} campaigns counted again without "
        f"differences; {examined['n_audit_lines']:,} lines of the audit log in their places."
    )
    if examined["n_migrated"]:
        words += f" {examined['n_migrated']} migrations were run on it."
    if found.missing:
        words += (
            f" {len(found.missing):,} files that rows name were missing or damaged when it was "
            f"made: {', '.join(found.missing[:FIRST])}."
        )
    return words


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """Give the name of an empty database, which is gone afterwards.

    One that a killed drill has left is removed by the next.
    """
    site = connection.settings_dict["NAME"]
    name = f"{site}_drill"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(tools.conninfo(), autocommit=True) as own:
        if not own.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0]:  # type: ignore[index]
            raise Busy("Another drill is under way: wait until it is done.")
        try:
            own.execute(drop)
            own.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
        except psycopg.errors.InsufficientPrivilege:
            raise NotPossible(
                f"The role {own.info.user} may not make a database to try the backup in: let its "
                f"administrator run ALTER ROLE {own.info.user} CREATEDB, or use another role."
            ) from None
        try:
            yield name
        finally:
            own.execute(drop)
