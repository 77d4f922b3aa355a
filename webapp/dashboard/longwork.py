"""All long work of the site, of whatever kind: what waits, what runs, what failed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from webapp.common import work
from webapp.common.models import BackgroundWork, WorkStatus
from webapp.dashboard.run_state import time_left
from webapp.exports.pace import seconds_left

OPEN = (WorkStatus.PENDING, WorkStatus.RUNNING)
SHOWN = 20  # rows of each kind


@dataclass(frozen=True)
class Kind:
    """One kind of long work, in figures."""

    name: str
    title: str
    n_waiting: int
    n_running: int
    n_failed: int
    oldest_age: timedelta | None  # of what waits and might be taken


@dataclass(frozen=True)
class Shown:
    """One piece of long work, as the page shows it."""

    kind: str
    row: BackgroundWork
    left: str  # how long it takes still, in words; empty while nobody can tell


def models() -> list[type[BackgroundWork]]:
    """Return every kind of long work that an app has."""
    found = [model for model in apps.get_models() if issubclass(model, BackgroundWork)]
    return sorted(found, key=lambda model: model._meta.label_lower)  # noqa: SLF001 - documented


def kinds() -> list[Kind]:
    """Count the work of every kind."""
    return [_kind(model) for model in models()]


def _kind(model: type[BackgroundWork]) -> Kind:
    # What a worker has put back goes on within seconds, however long ago it was asked for.
    is_due = Q(not_before_at__isnull=True, started_at__isnull=True) | Q(not_before_at__lte=Now())
    due = Q(status=WorkStatus.PENDING) & is_due
    since = Coalesce("not_before_at", "created_at")
    found: dict[str, Any] = model._default_manager.aggregate(  # noqa: SLF001 - documented
        n_waiting=Count("pk", filter=Q(status=WorkStatus.PENDING)),
        n_running=Count("pk", filter=Q(status=WorkStatus.RUNNING)),
        n_failed=Count("pk", filter=Q(status=WorkStatus.FAILED)),
        oldest=Min(since, filter=due),
    )
    oldest = found.pop("oldest")
    meta = model._meta  # noqa: SLF001 - documented
    return Kind(
        meta.label_lower,
        str(meta.verbose_name_plural),
        **found,
        oldest_age=oldest and max(timedelta(0), timezone.now() - oldest),
    )


def oldest_age() -> timedelta | None:
    """Return how long the oldest work has waited that a worker could take; None for none."""
    return max((kind.oldest_age for kind in kinds() if kind.oldest_age), default=None)


def rows(*statuses: WorkStatus) -> Iterator[BackgroundWork]:
    """Yield the newest rows of every kind in one of these states."""
    for model in models():
        found = model._default_manager.filter(status__in=statuses)  # noqa: SLF001 - documented
        yield from found.select_related("requested_by").order_by("-pk")[:SHOWN]


def shown(*statuses: WorkStatus) -> list[Shown]:
    """Return the newest work of every kind in one of these states."""
    return [
        Shown(row._meta.label_lower, row, time_left(seconds_left(row)))  # noqa: SLF001
        for row in rows(*statuses)
    ]


def retry_failed(*, kind: str, pk: int) -> bool:
    """Let failed work be tried again; False if there is none such, or it did not fail."""
    model = next((model for model in models() if model._meta.label_lower == kind), None)  # noqa: SLF001
    if model is None:
        return False
    row = model._default_manager.filter(pk=pk).first()  # noqa: SLF001 - documented
    return row is not None and work.retry(row)
