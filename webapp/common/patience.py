"""How long a page may wait for the database, and what happens to those who come meanwhile.

A database that is slow as a whole (a network that loses packets, a disk that is dying) would
otherwise hold every thread of the web for minutes, and everybody else would wait in front of them.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import OperationalError

SLOW_S = 0.5  # that even the quickest statement of a request takes
CLOSED_S = 3.0


class TooSlow(OperationalError):
    """A request has waited for the database as long as anybody may."""


class Budget:
    """Seconds that one request spends on its statements; wraps each of them.

    Attributes:
        least_s: of the quickest statement, infinite without any.
    """

    def __init__(self) -> None:
        self.used_s, self.n_statements, self.least_s = 0.0, 0, float("inf")

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 - Django calls it so
        context: Any,
    ) -> Any:
        """Run a statement.

        Raises:
            TooSlow: there is no time left for it.
        """
        if self.used_s > settings.REQUEST_BUDGET_S:
            raise TooSlow(f"{self.n_statements} statements took {self.used_s:.1f} s")
        started_s = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            took_s = time.monotonic() - started_s
            self.used_s += took_s
            self.n_statements += 1
            self.least_s = min(self.least_s, took_s)

    @property
    def is_slow(self) -> bool:
        """Whether all of them were slow: then it is the database, not one heavy statement."""
        return self.n_statements > 1 and self.least_s > SLOW_S


class Gate:
    """Refuses everybody while the database is slow, but one every few seconds who tries it."""

    def __init__(self) -> None:
        self._lock, self._closed_until_s, self._is_tried = Lock(), 0.0, False

    def may_pass(self) -> bool:
        """Return whether a request may have the database."""
        if not self._closed_until_s:
            return True
        with self._lock:
            if self._is_tried or time.monotonic() < self._closed_until_s:
                return False
            self._is_tried = True
            return True

    def close(self) -> None:
        """Let nobody pass for a while."""
        with self._lock:
            self._closed_until_s, self._is_tried = time.monotonic() + CLOSED_S, False

    def open(self) -> None:
        """Let everybody pass."""
        with self._lock:
            self._closed_until_s, self._is_tried = 0.0, False

    def give_back(self) -> None:
        """Let another one try it; the last one has not needed the database."""
        with self._lock:
            self._is_tried = False
