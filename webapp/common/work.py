"""Claiming long work, keeping the lease, and giving the row back.

The order of a worker: `claim_next` commits the claim; then it computes without any row lock; then
each short transaction begins with `hold`, which fails if somebody else has taken over meanwhile.
"""

import logging
import traceback as tracebacks
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from webapp.common.errors import DomainError
from webapp.common.models import BackgroundWork, WorkStatus

logger = logging.getLogger(__name__)

Work = TypeVar("Work", bound=BackgroundWork)
MAX_ATTEMPTS = 5


class LeaseLost(Exception):  # noqa: N818 - not an error of the program: somebody else goes on
    """Another worker has taken this work over; nothing may be written for it any more."""


class WorkCancelled(Exception):  # noqa: N818 - asked for by a person
    """Somebody has asked for this work to stop."""


@transaction.atomic
def claim_next(model: type[Work]) -> Work | None:
    """Claim the oldest row that waits, or whose holder has let its lease run out."""
    rows = model._default_manager.all()  # noqa: SLF001 - the public way to a generic manager
    waiting = Q(status=WorkStatus.PENDING) & (
        Q(not_before_at__isnull=True) | Q(not_before_at__lte=Now())
    )
    abandoned = Q(status=WorkStatus.RUNNING, lease_expires_at__lt=Now())
    row = (
        rows.filter(waiting | abandoned)
        .select_for_update(skip_locked=True, no_key=True)
        .order_by("pk")
        .first()
    )
    if row is None:
        return None
    if row.attempts >= MAX_ATTEMPTS:
        _end(row, WorkStatus.FAILED, error=row.error or "The worker died five times at this work.")
        return None
    rows.filter(pk=row.pk).update(
        status=WorkStatus.RUNNING,
        token=F("token") + 1,
        attempts=F("attempts") + 1,
        started_at=row.started_at or Now(),
        lease_expires_at=Now() + timedelta(seconds=settings.LEASE_S),
    )
    row.refresh_from_db()
    return row


def hold(row: BackgroundWork) -> None:
    """Lock the row inside a transaction that writes results, and extend the lease.

    Raises:
        LeaseLost: the token is no longer the row's.
        WorkCancelled: somebody asked for the work to stop.
    """
    current = (
        type(row)
        ._default_manager.select_for_update(no_key=True)
        .filter(pk=row.pk, token=row.token, status=WorkStatus.RUNNING)
        .values_list("cancel_requested_at", flat=True)
    )
    found = list(current)
    if not found:
        raise LeaseLost(f"{row} was taken over")
    if found[0] is not None:
        raise WorkCancelled(f"{row} is to stop")


def report(row: BackgroundWork, *, n_done: int, n_total: int | None = None) -> None:
    """Store progress; call it in the transaction that made it, after `hold`."""
    type(row)._default_manager.filter(pk=row.pk, token=row.token).update(
        n_done=n_done,
        n_total=n_total,
        attempts=0,
        lease_expires_at=Now() + timedelta(seconds=settings.LEASE_S),
    )
    row.n_done, row.n_total = n_done, n_total


def finish(row: BackgroundWork) -> None:
    """Mark the work done; call it in the transaction that wrote its last result."""
    _end(row, WorkStatus.DONE)


@transaction.atomic
def give_up(row: BackgroundWork, error: Exception) -> None:
    """Put the work back with growing patience, or end it as failed after five attempts.

    A `DomainError` is a reason that a repetition does not cure, so it ends the work at once.
    """
    row.traceback = "".join(tracebacks.format_exception(error))
    if isinstance(error, DomainError) or row.attempts >= MAX_ATTEMPTS:
        _end(row, WorkStatus.FAILED, error=str(error) or type(error).__name__)
        return
    type(row)._default_manager.filter(pk=row.pk, token=row.token).update(
        status=WorkStatus.PENDING,
        error=str(error) or type(error).__name__,
        traceback=row.traceback,
        lease_expires_at=None,
        not_before_at=Now() + timedelta(seconds=settings.BEAT_EVERY_S * 2 ** (row.attempts - 1)),
    )


@transaction.atomic
def retry(row: BackgroundWork) -> None:
    """Let failed work be tried again, as the Retry button does."""
    type(row)._default_manager.filter(pk=row.pk, status=WorkStatus.FAILED).update(
        status=WorkStatus.PENDING, attempts=0, not_before_at=None, error="", finished_at=None
    )


@transaction.atomic
def request_cancel(row: BackgroundWork) -> None:
    """Ask for the work to stop; waiting work ends at once, running work at its next step."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.filter(status=WorkStatus.PENDING).update(
        status=WorkStatus.CANCELLED, finished_at=Now(), cancel_requested_at=Now()
    )
    rows.filter(status=WorkStatus.RUNNING).update(cancel_requested_at=Now())


def _end(row: BackgroundWork, status: WorkStatus, error: str = "") -> None:
    type(row)._default_manager.filter(pk=row.pk, token=row.token).update(
        status=status,
        error=error,
        traceback=row.traceback if error else "",
        finished_at=Now(),
        lease_expires_at=None,
    )
    row.status = status


@contextmanager
def heartbeat(row: BackgroundWork) -> Iterator[None]:
    """Extend the lease from a thread of its own while one long step computes."""
    stop = Event()
    thread = Thread(target=_extend_until, args=(row, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _extend_until(row: BackgroundWork, stop: Event) -> None:
    try:
        while not stop.wait(settings.LEASE_S / 3):
            try:
                type(row)._default_manager.filter(
                    pk=row.pk, token=row.token, status=WorkStatus.RUNNING
                ).update(lease_expires_at=Now() + timedelta(seconds=settings.LEASE_S))
            except DatabaseError as error:
                logger.warning("The lease of %s was not extended: %s", row, error)
                connection.close()
    finally:
        connection.close()


def run_all(model: type[Work], perform: Callable[[Work], None], *, deadline_s: float) -> int:
    """Claim and perform work until none waits or the deadline (time.monotonic) has passed.

    Returns:
        How many rows were claimed.
    """
    from time import monotonic  # noqa: PLC0415 - tests move the clock

    n_claimed = 0
    while monotonic() < deadline_s and (row := claim_next(model)) is not None:
        n_claimed += 1
        _perform(row, perform)
    return n_claimed


def _perform(row: Work, perform: Callable[[Work], None]) -> None:
    try:
        with heartbeat(row):
            perform(row)
    except LeaseLost:
        logger.info("%s was taken over by another worker.", row)
    except WorkCancelled:
        with transaction.atomic():
            _end(row, WorkStatus.CANCELLED)
    except Exception as error:
        logger.exception("%s failed at attempt %s.", row, row.attempts)
        give_up(row, error)
