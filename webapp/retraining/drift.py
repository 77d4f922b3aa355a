"""Whether a campaign's newest galaxies look like those that its model was trained on."""

from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from inference.belief import drift
from webapp.common.models import WorkStatus
from webapp.registry import queries as registry
from webapp.registry.models import ModelVersion
from webapp.retraining.models import DriftReport, TrainingRun
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

Embeddings = NDArray[np.floating[Any]]
Sides = tuple["QuerySet[Subject]", "QuerySet[Subject]"]


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
    *, workflow: Workflow, model: ModelVersion, reference: Embeddings, new: Embeddings
) -> DriftReport:
    """Compare embeddings of the two sides, and keep what came out for the owner's pages.

    Args:
        reference, new: of unit length, (N, D) and (M, D), as the model gives them.

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
            "measured_at": timezone.now(),
        },
    )
    return report


def report_of(workflow: Workflow) -> DriftReport | None:
    """Return what is known of the model in use; what was said of another one is out of date."""
    model = registry.active_model(workflow)
    return DriftReport.objects.filter(workflow=workflow, model=model).first() if model else None
