"""Migrate as Django does, without keeping volunteers waiting for a table."""

import time
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected, LockNotAvailable

# Whoever needs a table waits behind a migration that waits for it, so that must be short: a file
# that is being made may have read the table for minutes. Below deadlock_timeout (1 s), so that
# where a vote and a migration wait for each other it is the migration that gives way.
LOCK_TIMEOUT_MS = 700
TRIES, PAUSE_S = 60, 5.0


class Command(migrate.Command):
    help = f"{migrate.Command.help} Waits a second at most for a table, and comes again."

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_TIMEOUT_MS}ms"])
        try:
            self._insist(*args, **options)
        finally:
            if connection.connection and not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")

    def _insist(self, *args: Any, **options: Any) -> None:
        """Run what is left until nothing is; what a try has done stays done."""
        for n_left in range(TRIES - 1, -1, -1):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if (
                    not isinstance(error.__cause__, (LockNotAvailable, DeadlockDetected))
                    or not n_left
                ):
                    raise
                said = f"\nSomebody uses a table ({error.__cause__.diag.message_primary})."
                self.stderr.write(f"{said} It is tried again in {PAUSE_S:.0f} s.")
                time.sleep(PAUSE_S)
            else:
                return
