"""Reading predictions: what waits to be scored, and what is known already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from webapp.common.models import WorkStatus
from webapp.consensus.models import Progress
from webapp.consensus.priors import Opinions
from webapp.predictions.models import Batch, Prediction, Scoring
from webapp.registry import queries as registry
from webapp.registry.models import ActiveModel, ModelVersion
from webapp.workflows.models import Status, Workflow

RECENT_S = 60  # a rate that is older says nothing of now

# Each part is a range of one index (consensus_scored): those that no network has seen, and those
# that another one has; what is open first.
_PART = """
    (SELECT subject_id FROM consensus_consensus
     WHERE workflow_id = %(workflow)s AND tree_id = %(tree)s AND prior_model_id {seen}
       AND retired_at {retired} AND retired_reason NOT IN ('withdrawn', 'unseen')
       AND subject_id <> ALL(%(except)s::bigint[])
     LIMIT %(limit)s)
"""
_UNSCORED = (
    " UNION ALL ".join(
        _PART.format(seen=seen, retired=retired)
        for retired in ("IS NULL", "IS NOT NULL")
        for seen in ("IS NULL", "< %(model)s", "> %(model)s")
    )
    + " LIMIT %(limit)s"
)


def unscored(
    workflow: Workflow, model: ModelVersion, *, without: Sequence[int] = (), limit: int
) -> list[int]:
    """Return galaxies whose prior is not this network's, the open ones first; at most `limit`.

    The cost does not grow with the number of galaxies that have been scored.
    """
    values: dict[str, Any] = {
        "workflow": workflow.pk,
        "tree": workflow.tree_id,
        "model": model.pk,
        "except": list(without),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNSCORED, values)
        return [subject_id for (subject_id,) in cursor.fetchall()]


def serving() -> list[tuple[Workflow, ModelVersion]]:
    """Return each campaign that uses a network, with it; those that volunteers see first."""
    pointers = ActiveModel.objects.select_related("workflow__tree", "model__tree").order_by("pk")
    found = [
        (row.workflow, row.model) for row in pointers if registry.fits(row.model, row.workflow)
    ]
    return sorted(found, key=lambda pair: pair[0].status != Status.LIVE)


_KNOWN = """
    SELECT subject_id, concentrations, ignorance FROM predictions_prediction
    WHERE model_id = %s AND subject_id = ANY(%s)
"""


def opinions(model: ModelVersion, subject_ids: Sequence[int]) -> Opinions:
    """Return what a network has said already of some of these galaxies."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [model.pk, list(subject_ids)])
        rows = cursor.fetchall()
    nothing = [np.nan] * model.tree.n_answers
    return Opinions(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] or nothing for row in rows], np.float32).reshape(-1, len(nothing)),
        np.array([np.nan if row[2] is None else row[2] for row in rows], np.float32),
    )


def prediction(model: ModelVersion, subject_id: int) -> Prediction | None:
    """Return what a network said of a galaxy."""
    return Prediction.objects.filter(model=model, subject_id=subject_id).first()


@dataclass(frozen=True)
class Pace:
    """How far the active network is through a campaign's galaxies.

    Attributes:
        per_s: galaxies a second, None unless some worker is at it.
        failed: a batch that needs somebody, with its sentence.
    """

    model: ModelVersion
    n_scored: int
    n_scorable: int
    n_refused: int
    provider: str
    per_s: float | None
    failed: Batch | None

    @property
    def is_done(self) -> bool:
        """True if every galaxy has been looked at."""
        return self.n_scored >= self.n_scorable

    @property
    def seconds_left(self) -> int | None:
        """How long the rest takes at this rate, seconds."""
        if self.is_done or not self.per_s:
            return None
        return round((self.n_scorable - self.n_scored) / self.per_s)


def pace(workflow: Workflow) -> Pace | None:
    """Return how far scoring is, as beat last counted; None without a network."""
    model = registry.active_model(workflow)
    if model is None:
        return None
    counted = Progress.objects.filter(workflow=workflow).first()
    scoring = Scoring.objects.filter(model=model).first()
    batches = Batch.objects.filter(workflow=workflow, model=model)
    return Pace(
        model=model,
        n_scored=counted.n_scored if counted else 0,
        n_scorable=counted.n_scorable if counted else 0,
        n_refused=scoring.n_refused if scoring else 0,
        provider=scoring.provider if scoring else "",
        per_s=_rate(scoring, batches.filter(status=WorkStatus.RUNNING).count()),
        failed=batches.filter(status=WorkStatus.FAILED).order_by("pk").first(),
    )


def _rate(scoring: Scoring | None, n_running: int) -> float | None:
    if scoring is None or not n_running:
        return None
    is_recent = timezone.now() - scoring.scored_at < timedelta(seconds=RECENT_S)
    return scoring.per_s * n_running if is_recent else None


def as_array(values: Sequence[int]) -> NDArray[np.int64]:
    """Return ids as an array, also of none."""
    return np.array(values, np.int64)
