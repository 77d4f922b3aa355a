"""Restoring a backup into an empty site: everything is proven before anything is touched.

Files come first and the database last, in one transaction, so that a restore that was killed is
begun again with the same command.
"""

import tempfile
from pathlib import Path, PurePosixPath

import psycopg
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from inference.formats.atomic import write_text
from webapp.backups import tools
from webapp.backups.comparing import Compared, compare
from webapp.backups.errors import BackupRefused, DrillFailed, NotPossible
from webapp.backups.examine import examine
from webapp.backups.folder import Backup, open_backup
from webapp.backups.places import Place, places

MARK = "restoring"  # in VAR_DIR while a restore is under way: which backup
_RELATIONS = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


def restore(path: Path, *, key: str = "", may_migrate: bool = False) -> Compared:
    """Restore a backup into this site, which must be empty.

    Args:
        key: see `Seal`.
        may_migrate: take a backup of an older version, and run what was added since.

    Raises:
        BackupRefused: it is not whole, or of a version that does not fit; nothing was changed.
        NotPossible: the site is not empty (nothing was changed), or PostgreSQL refused.
        DrillFailed: what was restored is not what it should be.
    """
    tools.program("pg_restore")
    backup = open_backup(path, key)
    check_version(backup, may_migrate=may_migrate)
    mark = Path(settings.VAR_DIR) / MARK
    goes_on = mark.is_file() and mark.read_text(encoding="utf-8") == _mark(backup)
    check_files(backup)
    has_rows = _has_tables()
    if not goes_on:
        _check_empty(has_tables=has_rows)
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_text(mark, _mark(backup))
    if not has_rows:
        _write_files(backup)
        restore_database(backup)
    try:
        found = compare(backup)
        examine(connection.settings_dict["NAME"], may_migrate=may_migrate)
    except DrillFailed as error:
        raise DrillFailed(
            f"The backup was restored, but something is wrong with it: {error} Do not open the "
            f"site; restore another backup into an empty one."
        ) from None
    mark.unlink()
    return found


def _mark(backup: Backup) -> str:
    return f"{backup.path.name} {backup.facts['made_at']}"


def check_version(backup: Backup, *, may_migrate: bool) -> None:
    """Refuse what another version of the site, or of PostgreSQL, has made.

    Raises:
        BackupRefused: see there.
    """
    ours, theirs = connection.cursor().connection.info.server_version, backup.facts["postgresql"]
    if theirs // 10000 > ours // 10000:
        raise BackupRefused(
            f"{backup.path} is of PostgreSQL {theirs // 10000}, and the server here is "
            f"{ours // 10000}: restore it into a server that is not older."
        )
    known = set(MigrationLoader(None).disk_migrations)
    run = {(app, name) for app, names in backup.facts["migrations"].items() for name in names}
    if unknown := sorted(run - known):
        raise BackupRefused(
            f"{backup.path} is of a newer version of the site ({'.'.join(unknown[0])} is not in "
            f"this checkout): restore it with the checkout that made it, or a newer one."
        )
    if not may_migrate and (later := sorted(known - run)):
        raise BackupRefused(
            f"{backup.path} is of an older version of the site, before {'.'.join(later[0])}: add "
            f"--migrate, and the {len(later)} migrations since are run after it is restored."
        )


def check_files(backup: Backup) -> int:
    """Read every file of the site that a backup holds, and return how many.

    Raises:
        BackupRefused: one is missing, changed, or named as none of ours is.
    """
    known, store = places(), backup.store
    proven: set[bytes] = set()
    n_files = 0
    for sha256, name in backup.files():
        _place(known, name)
        content = bytes.fromhex(sha256)
        if content not in proven:
            store.check(sha256)
            proven.add(content)
        n_files += 1
    if n_files != backup.facts["n_files"]:
        raise BackupRefused(f"{backup.path} lists {n_files:,} files, and should list others.")
    return n_files


def _place(known: dict[str, Place], name: str) -> tuple[Place, str]:
    place, _, inner = name.partition("/")
    path = PurePosixPath(inner)
    if place not in known or path.is_absolute() or ".." in path.parts or not inner:
        raise BackupRefused(f"The backup holds a file named {name!r}, which no site has.")
    return known[place], inner


def _has_tables() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        return bool(cursor.fetchone()[0])


def _check_empty(*, has_tables: bool) -> None:
    if has_tables:
        raise NotPossible(
            f"The database {connection.settings_dict['NAME']} is not empty: restore into one that "
            f"is, or a new VAR_DIR. Nothing was changed."
        )
    for place in places().values():
        if not place.is_empty():
            raise NotPossible(
                f"There are files in {place.words}: restore into an empty folder. Nothing was "
                f"changed."
            )


def _write_files(backup: Backup) -> None:
    """Write the files; those that an earlier try has written are there already."""
    known = places()
    try:
        for place in known.values():
            place.remove_drafts()
        for sha256, name in backup.files():
            place, inner = _place(known, name)
            if place.storage.exists(inner):
                continue
            with tempfile.TemporaryFile() as plain:
                backup.store.check(sha256, plain)
                plain.seek(0)
                place.write(inner, plain)
    except OSError as error:
        raise NotPossible(
            f"The files cannot be written ({error.strerror or error}): make space or correct the "
            f"rights, and give the same command again."
        ) from None


def restore_database(backup: Backup, database: str = "") -> None:
    """Restore a backup's database into an empty one, all of it or nothing.

    Args:
        database: another one of the site's server.

    Raises:
        NotPossible: PostgreSQL refused; the database is as empty as it was.
    """
    arguments = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with tools.running("pg_restore", [*arguments, "--no-comments"], database=database) as (into, _):
        backup.read_database(into)
    with psycopg.connect(tools.conninfo(database), autocommit=True) as fresh:
        fresh.execute("ANALYZE")
