"""Proving a restored database with the site's own code, in a process of its own.

`python -m webapp.backups.examine DATABASE`: nothing that the caller has read of its own database is
taken for what is in this one. It answers one line of JSON, or says on stderr what is wrong.
"""

import io
import json
import os
import subprocess
import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from webapp.backups.errors import DrillFailed

FIRST = 5
MIGRATE = "--migrate"


def examine(database: str, *, may_migrate: bool) -> dict[str, Any]:
    """Have a process examine a database of the site's server.

    Args:
        may_migrate: run what was added to the tables since the backup was made.

    Returns:
        "n_migrated", "n_campaigns" and "n_audit_lines".

    Raises:
        DrillFailed: migrations are missing, a tally is not what its votes give, or the audit log
            was changed.
    """
    command = [sys.executable, "-m", __name__, database, *([MIGRATE] if may_migrate else [])]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=settings.BASE_DIR
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise DrillFailed(said[-1] if said else f"its examination ended with {done.returncode}.")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(database: str, *, may_migrate: bool) -> dict[str, Any]:
    """Examine the database in this process; see `examine`."""
    from webapp.common.audit import verify_chain  # noqa: PLC0415 - after django.setup
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    connection.settings_dict["NAME"] = database
    n_migrated = _n_open() if may_migrate else 0
    if n_migrated:
        call_command("migrate", interactive=False, stdout=io.StringIO())
    if n_open := _n_open():
        raise DrillFailed(f"{n_open} migrations have not run.")
    workflows = list(Workflow.objects.with_tree().order_by("pk"))
    for workflow in workflows:
        _recount(workflow)
    return {
        "n_migrated": n_migrated,
        "n_campaigns": len(workflows),
        "n_audit_lines": verify_chain().n_lines,
    }


def _n_open() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _recount(workflow: Any) -> None:
    from webapp.classifications import recount  # noqa: PLC0415 - after django.setup

    found = list(recount.differences(workflow))
    if found:
        raise DrillFailed(
            f"{workflow.slug}: {len(found)} stored numbers are not what the votes give: "
            f"{'; '.join(map(str, found[:FIRST]))}."
        )


if __name__ == "__main__":
    from webapp.common.errors import DomainError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    try:
        print(json.dumps(main(sys.argv[1], may_migrate=MIGRATE in sys.argv)))  # noqa: T201
    except DomainError as error:
        sys.exit(str(error))
