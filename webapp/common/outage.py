"""Telling a database that is away from a mistake in the program."""

from django.db import DatabaseError, InterfaceError, OperationalError
from psycopg import errors as postgres

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


def is_unavailability(error: BaseException | None) -> bool:
    """Return True if the database could not do it now, but may later."""
    return isinstance(error, (OperationalError, InterfaceError)) or (
        isinstance(error, DatabaseError) and isinstance(error.__cause__, REFUSALS)
    )
