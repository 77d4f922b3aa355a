"""Claiming long work, keeping the lease, and giving the row back.

The order of a worker: `claim_next` commits the claim; then it computes without any row lock; then
each short transaction begins with `hold`, which fails if somebody else has taken over meanwhile.
Between two steps it calls `rest`, which stops it where its time is spent or the worker is to end.
"""

import logging
import math
import time
import traceback as tracebacks
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TypeVar

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now

from webapp.common import drain
from webapp.common.errors import DomainError
from webapp.common.models import BackgroundWork, WorkStatus

logger = logging.getLogger(__name__)

Work = TypeVar("Work", bound=BackgroundWork)
MAX_ATTEMPTS = 5
DIED = f"The worker died {MAX_ATTEMPTS} times at this work. An administrator can see the log."


class LeaseLost(Exception):
    """Another worker has taken this work over; nothing may be written for it any more."""


class WorkCancelled(Exception):
    """Somebody has asked for this work to stop."""


class WorkPaused(Exception):
    """The worker is to end, or its time is spent; the rest is for the next one."""


def claim_next(model: type[Work]) -> Work | None:
    """Claim the oldest row that waits, or whose holder has let its lease run out."""
    return _claim(_all(model))


def claim(row: Work) -> Work | None:
    """Claim this row, or return None while somebody else holds it or it is at its end.

    Somebody waits for this very row, so a back-off after a failure is over.
    """
    rows = _all(type(row)).filter(pk=row.pk)
    rows.filter(status=WorkStatus.PENDING).update(not_before_at=None)
    return _claim(rows)


@transaction.atomic
def _claim(rows: "models.QuerySet[Work]") -> Work | None:
    waiting = Q(status=WorkStatus.PENDING) & (
        Q(not_before_at__isnull=True) | Q(not_before_at__lte=Now())
    )
    # No lease is that long: the clock was put back since, and its holder may be long dead.
    impossible = Q(lease_expires_at__gt=Now() + timedelta(seconds=2 * settings.LEASE_S))
    over = Q(lease_expires_at__lt=Now()) | impossible
    abandoned = Q(status=WorkStatus.RUNNING) & over
    found = (
        rows.filter(waiting | abandoned)
        .select_for_update(skip_locked=True, no_key=True)
        .order_by("pk")
    )
    while (row := found.first()) is not None:
        if _may_start(row):
            return _start(row)
    return None


def _may_start(row: BackgroundWork) -> bool:
    """End what is not worth another start, so that it does not keep others waiting."""
    if row.cancel_requested_at is not None:
        _end(row, WorkStatus.CANCELLED)
    elif row.attempts >= MAX_ATTEMPTS:
        _end(row, WorkStatus.FAILED, error=row.error or DIED)
    else:
        return True
    return False


def _start(row: Work) -> Work:
    _all(type(row)).filter(pk=row.pk).update(
        status=WorkStatus.RUNNING,
        token=F("token") + 1,
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", Now()),
        lease_expires_at=_lease_end(),
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
        _all(type(row))
        .select_for_update(no_key=True)
        .filter(pk=row.pk, token=row.token, status=WorkStatus.RUNNING)
    )
    found = list(current.values_list("cancel_requested_at", flat=True))
    if not found:
        raise LeaseLost(f"{row} was taken over")
    if found[0] is not None:
        raise WorkCancelled(f"{row} is to stop")
    _held(row).update(lease_expires_at=_lease_end())


def report(row: BackgroundWork, *, n_done: int, n_total: int | None = None) -> None:
    """Store progress; call it in the transaction that made it, after `hold`.

    Only more than before counts as progress: work that fails at the same place each time would
    otherwise never have used up its attempts.
    """
    _held(row).update(
        n_done=n_done,
        n_total=n_total,
        attempts=Case(
            When(n_done__lt=n_done, then=Value(0)),
            default=F("attempts"),
            output_field=models.SmallIntegerField(),
        ),
    )
    if n_done > row.n_done:
        row.attempts = 0
    row.n_done, row.n_total = n_done, n_total


def rest(row: BackgroundWork) -> None:
    """Stop here, between two steps, if the worker is to end or has spent its time.

    Raises:
        WorkPaused: the row goes back, and whoever claims it next goes on from its last report.
    """
    if drain.is_asked() or time.monotonic() >= row.pause_at_s:
        raise WorkPaused(f"{row} goes on later")


def finish(row: BackgroundWork) -> None:
    """Mark the work done; call it in the transaction that wrote its last result."""
    _end(row, WorkStatus.DONE)


def cancel(row: BackgroundWork) -> None:
    """End work that this worker holds, because somebody asked for it."""
    _end(row, WorkStatus.CANCELLED)


def put_back(row: BackgroundWork) -> None:
    """Let the next worker go on with work that this one holds; nothing has failed."""
    _held(row).update(status=WorkStatus.PENDING, lease_expires_at=None, not_before_at=None)


@transaction.atomic
def hand_over(row: BackgroundWork) -> None:
    """Leave the work to somebody who is no worker of ours: it runs on without a lease.

    Nobody claims it until `take_back`.

    Raises:
        LeaseLost, WorkCancelled: see `hold`.
    """
    hold(row)
    _held(row).update(lease_expires_at=None, attempts=0, n_done=0, n_total=None)


def take_back(row: BackgroundWork) -> bool:
    """Let a worker claim work that was handed over; False if it is in other hands."""
    lent = _held(row).filter(lease_expires_at=None)
    return lent.update(status=WorkStatus.PENDING, not_before_at=None) > 0


@transaction.atomic
def give_up(row: BackgroundWork, error: Exception) -> None:
    """Put the work back with growing patience, or end it as failed after five attempts.

    A `DomainError` is a reason that a repetition does not cure, so it ends the work at once.
    """
    row.traceback = _storable("".join(tracebacks.format_exception(error)))
    if isinstance(error, DomainError) or row.attempts >= MAX_ATTEMPTS:
        _end(row, WorkStatus.FAILED, error=_sentence(error))
        return
    patience_s = settings.BEAT_EVERY_S * 2 ** max(0, row.attempts - 1)
    _held(row).update(
        status=WorkStatus.PENDING,
        error=_sentence(error),
        traceback=row.traceback,
        lease_expires_at=None,
        not_before_at=Now() + timedelta(seconds=patience_s),
    )


def retry(row: BackgroundWork) -> bool:
    """Let failed or cancelled work go on from its last report, as the Retry button does.

    Returns:
        False if it neither failed nor was cancelled, so that nothing changed.
    """
    ended = _all(type(row)).filter(pk=row.pk, status__in=(WorkStatus.FAILED, WorkStatus.CANCELLED))
    n_rows = ended.update(
        status=WorkStatus.PENDING,
        attempts=0,
        not_before_at=None,
        cancel_requested_at=None,
        error="",
        finished_at=None,
    )
    return n_rows > 0


def request_cancel(row: BackgroundWork) -> bool:
    """Ask for the work to stop; waiting work ends at once, running work at its next step.

    One statement, since a row may go from running to waiting and back at any moment.

    Returns:
        False if it had ended already.
    """
    is_waiting = Q(status=WorkStatus.PENDING)
    n_rows = (
        _all(type(row))
        .filter(pk=row.pk, status__in=(WorkStatus.PENDING, WorkStatus.RUNNING))
        .update(
            status=Case(
                When(is_waiting, then=Value(WorkStatus.CANCELLED)),
                default=F("status"),
                output_field=models.CharField(),
            ),
            finished_at=Case(When(is_waiting, then=Now()), default=F("finished_at")),
            cancel_requested_at=Now(),
        )
    )
    return n_rows > 0


def _all(model: type[Work]) -> "models.QuerySet[Work]":
    return model._default_manager.all()  # noqa: SLF001 - the public way to a generic manager


def _held(row: Work) -> "models.QuerySet[Work]":
    """Return the row as a query that finds it only as long as this worker holds it."""
    return _all(type(row)).filter(pk=row.pk, token=row.token, status=WorkStatus.RUNNING)


def _lease_end() -> "models.expressions.CombinedExpression":
    return Now() + timedelta(seconds=settings.LEASE_S)


def _end(row: BackgroundWork, status: WorkStatus, error: str = "") -> None:
    _all(type(row)).filter(pk=row.pk, token=row.token).update(
        status=status,
        error=error,
        traceback=row.traceback if error else "",
        finished_at=Now(),
        lease_expires_at=None,
    )
    row.status = status


def _sentence(error: Exception) -> str:
    """Return what the person who asked is told; what only a programmer understands is named so."""
    if isinstance(error, DomainError):
        return _storable(str(error))
    return _storable(
        f"The program failed ({type(error).__name__}: {str(error)[:200]}). An administrator can "
        f"see the details, and Retry tries it again."
    )


def _storable(text: str) -> str:
    """Return text as PostgreSQL takes it: no NUL, no lone surrogates."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


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
                # Work that was handed over meanwhile has no lease, and shall get none.
                _held(row).exclude(lease_expires_at=None).update(lease_expires_at=_lease_end())
            except DatabaseTrouble as error:
                logger.warning("The lease of %s was not extended: %s", row, error)
                connection.close()
    finally:
        connection.close()


def run_all(model: type[Work], perform: Callable[[Work], None], *, deadline_s: float) -> int:
    """Claim and perform work until none waits or the deadline (time.monotonic) has passed.

    Returns:
        How many rows were claimed.
    """
    n_claimed = 0
    while _has_time(deadline_s) and (row := claim_next(model)) is not None:
        n_claimed += 1
        run(row, perform, deadline_s=deadline_s)
    return n_claimed


def _has_time(deadline_s: float) -> bool:
    return time.monotonic() < deadline_s and not drain.is_asked()


def run(row: Work, perform: Callable[[Work], None], *, deadline_s: float = math.inf) -> None:
    """Perform claimed work to one of its ends; nothing that goes wrong there is raised."""
    row.pause_at_s = deadline_s
    try:
        with heartbeat(row):
            perform(row)
    except LeaseLost:
        logger.info("%s was taken over by another worker.", row)
    except WorkPaused:
        put_back(row)
    except WorkCancelled:
        cancel(row)
    except Exception as error:
        logger.exception("%s failed at attempt %s.", row, row.attempts)
        give_up(row, error)
