"""Making a backup: first most of the files, then one moment of the database, then the rest.

A file is written before the row that names it, so whatever rows name at that moment is there to be
found after it.
"""

import gzip
import hashlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from webapp.backups import tools
from webapp.backups.folder import (
    DATABASE,
    FILES,
    UNFINISHED,
    Draft,
    held,
)
from webapp.backups.moment import Moment, moment
from webapp.backups.places import Place, places
from webapp.backups.seal import Seal
from webapp.backups.store import Store
from webapp.exports.origin import software

READERS, AT_ONCE = 8, 1000  # files: most of the time goes into waiting for the disk
# What somebody who restores it wants to know. Nothing secret: a backup may lie anywhere.
CONFIGURED = (
    "SITE_NAME", "CONTACT", "ALLOWED_HOSTS", "VOTES_LICENSE", "LOCAL_MODE", "EMAIL_HOST",
    "DEFAULT_FROM_EMAIL", "ACCOUNT_EMAIL_VERIFICATION", "CELERY_BROKER_URL",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A backup that was just made."""

    path: Path
    n_rows: int
    n_files: int
    missing: list[str]  # files that rows name and that are not there, or damaged


def make_backup(folder: Path, *, key: str = "") -> Made:
    """Make a backup in a folder.

    A process that is killed leaves a folder that no one takes for a backup; the next one
    removes it.

    Args:
        key: see `Seal`.

    Raises:
        NotPossible: no client of PostgreSQL 18, the disk is full, or somebody else makes one.
    """
    seal = Seal(key)
    with held(folder):
        store = Store(folder, seal)
        _clear_away(folder, store)
        for _ in _kept(store):
            pass
        made_at = timezone.now()
        draft = Draft(folder, f"{made_at:%Y-%m-%dT%H-%M-%SZ}", seal)
        with moment() as now:
            facts = _facts(now) | {"made_at": made_at.isoformat(), "is_sealed": bool(key)}
            _dump(now, draft)
            n_files = _list_files(draft, store)
            missing = now.missing(name for _, name in draft.files())
        facts |= {"n_files": n_files, "n_missing": len(missing), "missing": missing[:20]}
        path = draft.finish(facts)
    n_rows = sum(table["n_rows"] for table in facts["tables"])
    return Made(path, n_rows, n_files, missing)


def _clear_away(folder: Path, store: Store) -> None:
    for left in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left)
    store.remove_drafts()


def _facts(now: Moment) -> dict[str, Any]:
    """Return what the database should be when it is restored."""
    tables = now.tables()
    return {
        "version": software(),
        "postgresql": now.server_version,
        "client": tools.major_version(tools.program("pg_dump")),
        "migrations": now.migrations(),
        "tables": [
            {"name": table.name, "keys": table.keys, "n_rows": table.n_rows} for table in tables
        ],
        "sample": now.sample(tables),
        "audit_sha256": now.audit_head(),
        "configured": {name: getattr(settings, name) for name in CONFIGURED},
    }


def _dump(now: Moment, draft: Draft) -> None:
    arguments = ["-Fc", "--no-owner", "--no-privileges", "--snapshot", now.snapshot]
    with tools.running("pg_dump", arguments) as (_, out_of):
        draft.add(DATABASE, out_of)


def _list_files(draft: Draft, store: Store) -> int:
    """Keep the files that have come meanwhile, and write the list of all."""
    n_files = 0
    with tempfile.TemporaryFile() as plain:
        with gzip.open(plain, "wt", encoding="utf-8", compresslevel=6) as lines:
            for sha256, name in _kept(store):
                lines.write(json.dumps([sha256, name], separators=(",", ":")) + "\n")
                n_files += 1
        plain.seek(0)
        draft.add(FILES, plain)
    return n_files


def _kept(store: Store) -> Iterator[tuple[str, str]]:
    """Keep every file of the site that is not kept yet; yield SHA-256 and name of each."""
    with ThreadPoolExecutor(READERS) as readers:
        for place in places().values():
            names, keep = place.names(), partial(_keep, store, place)
            while some := list(itertools.islice(names, AT_ONCE)):
                for name, sha256 in zip(some, readers.map(keep, some), strict=True):
                    if sha256:
                        yield sha256, f"{place.name}/{name}"


def _keep(store: Store, place: Place, name: str) -> str | None:
    """Return a file's SHA-256; None if it has gone, or is not what its name says."""
    try:
        if place.is_by_content:
            return _keep_by_name(store, place, name)
        with place.open(name) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        if store.has(sha256):
            return sha256
        with place.open(name) as file:
            return store.add(file)  # a log may have grown: this is what was kept of it
    except FileNotFoundError:
        return None


def _keep_by_name(store: Store, place: Place, name: str) -> str | None:
    sha256 = name.rpartition("/")[2].partition(".")[0]
    if store.has(sha256):
        return sha256
    with place.open(name) as file:
        return sha256 if store.add(file, sha256) == sha256 else None
