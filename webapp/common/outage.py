"""Telling a database that is away from a mistake in the program, and coming back to it."""

import random
import select
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg import Connection
from psycopg import errors as postgres

P = ParamSpec("P")
T = TypeVar("T")

# PostgreSQL refuses to write, or is going down: what was asked for may be asked again later.
REFUSALS = (
    postgres.ReadOnlySqlTransaction,
    postgres.DiskFull,
    postgres.InsufficientResources,
    postgres.QueryCanceled,
    postgres.LockNotAvailable,
    postgres.IdleInTransactionSessionTimeout,
    postgres.OperatorIntervention,
    postgres.DeadlockDetected,
    postgres.SerializationFailure,
)
# It was refused for another's sake, and nothing of it was stored.
COLLISIONS = (postgres.DeadlockDetected, postgres.SerializationFailure)
TRIES = 3
PAUSE_S = 0.05  # at most, so that two who collided do not meet again


def is_unavailability(error: BaseException | None) -> bool:
    """Return True if the database could not do it now, but may later."""
    return isinstance(error, (OperationalError, InterfaceError)) or (
        isinstance(error, DatabaseError) and isinstance(error.__cause__, REFUSALS)
    )


def tried_again(transaction: Callable[P, T]) -> Callable[P, T]:
    """Run what is one whole transaction up to `TRIES` times while it collides with others.

    Inside somebody's larger transaction it is theirs to try again.
    """

    @wraps(transaction)
    def insist(*args: P.args, **kwargs: P.kwargs) -> T:
        n_left = 1 if connection.in_atomic_block else TRIES
        while True:
            n_left -= 1
            try:
                return transaction(*args, **kwargs)
            except DatabaseError as error:
                if not n_left or not isinstance(error.__cause__, COLLISIONS):
                    raise
                time.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - no secret

    return insist


def leave_if_cut() -> None:
    """Leave a connection that PostgreSQL has ended meanwhile, which is no reason for a 503.

    It is asked nothing: between two requests it has nothing to say, so what can be read is its end.
    """
    known = connection.connection
    if known is not None and not connection.in_atomic_block and (known.closed or _is_heard(known)):
        connection.close()


def _is_heard(known: Connection[tuple[object, ...]]) -> bool:
    poll = select.poll()
    poll.register(known.fileno(), select.POLLIN)
    return bool(poll.poll(0))
