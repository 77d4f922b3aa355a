"""What the pages and commands of this app read."""

from pathlib import Path
from typing import Any

from django.db.models import Count, Q, QuerySet

from webapp.accounts.models import User
from webapp.common.models import WorkStatus
from webapp.subjects.models import IngestBatch, SourceKind, Subject, SubjectSet


def sets_of(user: User) -> QuerySet[SubjectSet]:
    """Return the sets that somebody may see, newest first, each with `n_subjects`."""
    return (
        SubjectSet.objects.owned_by(user)
        .annotate(n_subjects=Count("subjects"))
        .prefetch_related("workflows")
        .order_by("-pk")
    )


def newest_subjects(subject_set: SubjectSet, *, limit: int) -> QuerySet[Subject]:
    """Return the galaxies that came in last."""
    return subject_set.subjects.order_by("-pk")[:limit]


def batches_of(subject_set: SubjectSet) -> QuerySet[IngestBatch]:
    """Return what came into a set, newest first."""
    return subject_set.batches.order_by("-pk")


def unfinished_batch(
    *,
    subject_set: SubjectSet,
    kind: SourceKind,
    source: Path,
    picture_folder: Path | None,
    **choices: Any,
) -> IngestBatch | None:
    """Return the last ingest of this very source, if it did not come to its end."""
    last = (
        subject_set.batches.filter(
            Q(kind=kind, source=str(source), picture_folder=str(picture_folder or "")),
            **choices,
        )
        .order_by("-pk")
        .first()
    )
    return last if last and last.status != WorkStatus.DONE else None
