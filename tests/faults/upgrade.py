"""python -m tests.faults.upgrade first|rest|work: a site's tables, from their first form on."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# The first tables that could take votes; every site that ever ran has come from here.
FIRST = [
    ("common", "0002_log_and_cache"),
    ("accounts", "0001_initial"),
    ("workflows", "0002_trees_never_change"),
    ("subjects", "0001_initial"),
    ("consensus", "0002_room_for_updates"),
    ("classifications", "0002_append_only"),
]


def main() -> None:
    """Do one step, and print how many seconds each migration took."""
    from webapp import embedded  # noqa: PLC0415 - VAR_DIR is read when it is called

    embedded.ensure_running(Path(os.environ["VAR_DIR"]))
    import django  # noqa: PLC0415 - the first start decides where the socket is

    django.setup()
    if sys.argv[1] == "work":
        work()
    else:
        print(json.dumps(migrate(FIRST if sys.argv[1] == "first" else None)))


def migrate(targets: list[tuple[str, str]] | None) -> dict[str, float]:
    """Run migrations one by one, each in a transaction of its own as it always is."""
    from django.db import connection  # noqa: PLC0415 - Django is set up
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    goals: Any = targets or executor.loader.graph.leaf_nodes()
    took_s = {}
    for migration, _ in executor.migration_plan(goals):
        started_s = time.monotonic()
        step = MigrationExecutor(connection)
        state = step.loader.project_state(list(step.loader.applied_migrations), at_end=True)
        step.apply_migration(state, migration)
        took_s[f"{migration.app_label}.{migration.name}"] = time.monotonic() - started_s
    return took_s


def work() -> None:
    """Do what workers do after an upgrade."""
    from webapp.consensus.tasks import judge_subjects  # noqa: PLC0415 - Django is set up

    judge_subjects()


if __name__ == "__main__":
    main()
