"""Whether a campaign's newest galaxies look like those that its model was trained on."""

from typing import Any

import numpy as np
from django.db.models import F, Func, QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from inference.belief import drift
from inference.formats.card import EMBEDDING_SIZE
from webapp.common.models import WorkStatus
from webapp.predictions import queries as predictions
from webapp.predictions.models import Prediction, Space
from webapp.registry import queries as registry
from webapp.registry.models import ModelVersion
from webapp.retraining.models import DriftReport, TrainingRun
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

Embeddings = NDArray[np.floating[Any]]
Sides = tuple["QuerySet[Subject]", "QuerySet[Subject]"]


def measure_drifts() -> int:
    """Compare anew where the model in use has looked at more galaxies; return how many campaigns.

    A model's galaxies are compared once its space has been: nothing waits to be scored then.
    """
    spaces = {space.model_id: space for space in Space.objects.filter(status=WorkStatus.DONE)}
    n_measured = 0
    for workflow, model in predictions.serving():
        space = spaces.get(model.pk)
        if space and not _is_measured(workflow, space):
            n_measured += _measure(workflow, model, space)
    return n_measured


def _is_measured(workflow: Workflow, space: Space) -> bool:
    known = DriftReport.objects.filter(workflow=workflow, model=space.model_id).first()
    return known is not None and known.last_prediction_id >= space.last_prediction_id


def _measure(workflow: Workflow, model: ModelVersion, space: Space) -> bool:
    found = sides(workflow, model)
    if found is None:
        return False
    seen, new = found
    anywhere = Func(F("subject_id"), function="hashint8")  # the same ones each time
    store_drift(
        workflow=workflow,
        model=model,
        reference=_embeddings(model, seen, anywhere),
        new=_embeddings(model, new, F("subject_id").desc()),
        last_prediction_id=space.last_prediction_id,
    )
    return True


def _embeddings(model: ModelVersion, subjects: "QuerySet[Subject]", order: Any) -> Embeddings:
    """Return what a model sees of the first galaxies in an order, (at most 1,000, D)."""
    rows = Prediction.objects.filter(model=model, subject__in=subjects, error="")
    found = rows.order_by(order).values_list("embedding", flat=True)[: drift.MOST_SAMPLE]
    return np.array(list(found), np.float32).reshape(-1, EMBEDDING_SIZE)


def sides(workflow: Workflow, model: ModelVersion) -> Sides | None:
    """Return a campaign's galaxies from before its model's votes were read, and those since.

    None for a model that no run of this campaign has made: nobody knows what it has seen here.
    """
    done = TrainingRun.objects.filter(workflow=workflow, model=model, status=WorkStatus.DONE)
    run = done.order_by("pk").first()
    if run is None:
        return None
    own = Subject.objects.filter(
        subject_set__links__workflow=workflow, subject_set__links__is_linked=True
    )
    seen = own.filter(created_at__lte=run.snapshot_at)
    return seen, own.filter(created_at__gt=run.snapshot_at)


def store_drift(
    *,
    workflow: Workflow,
    model: ModelVersion,
    reference: Embeddings,
    new: Embeddings,
    last_prediction_id: int = 0,
) -> DriftReport:
    """Compare embeddings of the two sides, and keep what came out for the owner's pages.

    Args:
        reference, new: of unit length, (N, D) and (M, D), as the model gives them.
        last_prediction_id: the newest prediction that there was.

    Raises:
        EvidenceRefused: they are no embeddings of one model; the last report stays.
    """
    found = drift.drift(reference, new)
    report, _ = DriftReport.objects.update_or_create(
        workflow=workflow,
        defaults={
            "model": model,
            "distance": found.distance,
            "p": found.p,
            "n_reference": found.n_reference,
            "n_new": found.n_new,
            "has_drifted": found.has_drifted,
            "words": found.words,
            "last_prediction_id": last_prediction_id,
            "measured_at": timezone.now(),
        },
    )
    return report


def report_of(workflow: Workflow) -> DriftReport | None:
    """Return what is known of the model in use; what was said of another one is out of date."""
    model = registry.active_model(workflow)
    return DriftReport.objects.filter(workflow=workflow, model=model).first() if model else None
