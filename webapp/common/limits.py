"""How often somebody has tried: counted for the whole site, and if need be by each process alone.

The counters are rows of a table. While that cannot be used, signing in must neither fail nor be
without limits: each process counts for itself then, so a limit is as many times as large as there
are web processes. The limit of answers needs no counters; it looks at the answers themselves.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, cast

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import Error, connection, transaction
from django.utils import timezone
from psycopg import sql

logger = logging.getLogger(__name__)
AGAIN_S = 5.0  # after which the table is tried again
MOST = 10_000  # counters that a process keeps by itself
now_s = time.monotonic

# One statement, so that of two requests at the same moment each is counted.
_COUNT = """
    INSERT INTO {table} AS known (cache_key, value, expires) VALUES (%s, '1', %s)
    ON CONFLICT (cache_key) DO UPDATE SET value = (known.value::bigint + 1)::text
    RETURNING value::bigint
"""


class Counters(DatabaseCache):
    """Django's cache in a table, with one of this process in its place while it cannot be used."""

    away_until_s = 0.0  # one for all threads

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(table, params)
        self._table = table
        self._own = LocMemCache("limits", {"OPTIONS": {"MAX_ENTRIES": MOST}})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return what is kept under a name."""
        return self._ask(super().get, self._own.get, key, default, version)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep a value."""
        self._ask(super().set, self._own.set, key, value, timeout, version)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Keep a value if there is none, and return whether there was none."""
        return bool(self._ask(super().add, self._own.add, key, value, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget a value, and return whether there was one."""
        return bool(self._ask(super().delete, self._own.delete, key, version))

    def count(self, key: str, lifetime_s: int) -> int:
        """Add one to a counter that begins at none; return what it is now."""
        return int(self._ask(self._count, self._count_alone, key, lifetime_s))

    def is_shared(self) -> bool:
        """Try the table itself, and return whether it can be used."""
        try:
            with _apart():
                self._count("is-shared", 60)
        except Error:
            return False
        return True

    def forget_expired(self) -> None:
        """Delete what is over; Django does so by itself only when the table is full."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql("DELETE FROM {table} WHERE expires < now()"))

    def _ask(self, shared: Callable[..., Any], own: Callable[..., Any], *values: Any) -> Any:
        if now_s() < Counters.away_until_s:
            return own(*values)
        try:
            with _apart():
                return shared(*values)
        except Error as error:
            Counters.away_until_s = now_s() + AGAIN_S
            logger.error("Limits are counted by each process alone: %s", error)  # noqa: TRY400
            return own(*values)

    def _count(self, key: str, lifetime_s: int) -> int:
        until = timezone.now() + timedelta(seconds=lifetime_s)
        with connection.cursor() as cursor:
            cursor.execute(self._sql(_COUNT), [self.make_and_validate_key(key), until])
            return int(cursor.fetchone()[0])

    def _count_alone(self, key: str, lifetime_s: int) -> int:
        self._own.add(key, 0, lifetime_s)
        return self._own.incr(key)

    def _sql(self, text: Any) -> sql.Composed:
        return sql.SQL(text).format(table=sql.Identifier(self._table))


def counters() -> Counters:
    """Return the site's counters."""
    return cast("Counters", caches["default"])


def _apart() -> Any:
    """Within somebody's transaction, keep a failure from spoiling it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()
