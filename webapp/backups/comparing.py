"""Comparing a restored database with what its backup says of it."""

from dataclasses import dataclass

from webapp.backups.errors import DrillFailed
from webapp.backups.folder import Backup
from webapp.backups.moment import Moment, Table, moment

FIRST = 5  # of what is missing, in a message


@dataclass(frozen=True)
class Compared:
    """What was found to be as it was."""

    n_tables: int
    n_rows: int
    n_sampled: int
    missing: list[str]  # files that rows name and that were not there when the backup was made


def compare(backup: Backup, database: str = "") -> Compared:
    """Compare the site's database, or another one of its server, with a backup.

    Raises:
        DrillFailed: a table, rows, lines of the audit log, or files that rows name are missing, or
            a row of the sample is not as it was.
    """
    with moment(database) as now:
        expected = {table["name"]: table for table in backup.facts["tables"]}
        found = {table.name: table for table in now.tables()}
        if absent := sorted(expected.keys() - found.keys()):
            raise DrillFailed(f"The table {absent[0]} is missing ({len(absent)} in all).")
        for name, table in expected.items():
            if found[name].n_rows != table["n_rows"]:
                raise DrillFailed(
                    f"The table {name} has {found[name].n_rows:,} rows, and had "
                    f"{table['n_rows']:,} when the backup was made."
                )
        n_sampled = _compare_sample(now, backup, found)
        if now.audit_head() != backup.facts["audit_sha256"]:
            raise DrillFailed("The audit log does not end where it ended.")
        missing = _compare_files(now, backup)
    n_rows = sum(table["n_rows"] for table in expected.values())
    return Compared(len(expected), n_rows, n_sampled, missing)


def _compare_sample(now: Moment, backup: Backup, tables: dict[str, Table]) -> int:
    n_all = 0
    for name, sample in backup.facts["sample"].items():
        n_same = now.n_same(tables[name], sample)
        if n_same != len(sample):
            raise DrillFailed(
                f"{len(sample) - n_same} of {len(sample)} rows of {name} are not as they were."
            )
        n_all += n_same
    return n_all


def _compare_files(now: Moment, backup: Backup) -> list[str]:
    """Return the missing files; only what was missing when the backup was made may be so."""
    missing = now.missing(name for _, name in backup.files())
    if len(missing) != backup.facts["n_missing"]:
        raise DrillFailed(
            f"Rows name {len(missing):,} files that the backup does not hold, as "
            f"{', '.join(missing[:FIRST])}; it says that {backup.facts['n_missing']:,} were gone."
        )
    return missing
