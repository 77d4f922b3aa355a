"""What the pages about galaxies show."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from webapp.consensus.models import Consensus, Queue, Retirement, Stream
from webapp.predictions import index
from webapp.predictions import queries as predictions
from webapp.predictions.fields import as_text
from webapp.predictions.models import HeatMap, Listed, ListKind, Lists, Prediction, Space, Unusual
from webapp.registry import queries as registry
from webapp.registry.models import ModelVersion
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

PER_PAGE = 48


@dataclass(frozen=True)
class Seen:
    """What a campaign's active network has said of a galaxy.

    Attributes:
        distance: how unlike the others it is; None until that is measured.
    """

    model: ModelVersion
    prediction: Prediction | None
    distance: float | None


@dataclass(frozen=True)
class Alike:
    """A galaxy that looks like another one to a network; 1 is the same."""

    subject: Subject
    likeness: float


@dataclass(frozen=True)
class Page:
    """A part of a list; `more` is the place to go on from, if there is more."""

    rows: Sequence[Listed]
    more: int | None


def catalogs() -> list[Workflow]:
    """Return the public campaigns, each with the edition of its catalog if there is one."""
    rows = Workflow.objects.public().with_tree().select_related("edition")
    return list(rows.order_by("pk"))


def campaigns_of(subject_id: int, visible: Sequence[int]) -> list[Workflow]:
    """Return the campaigns of these that ask about a galaxy."""
    rows = Workflow.objects.with_tree().filter(pk__in=visible, consensus__subject=subject_id)
    return list(rows.order_by("pk"))


def tally(workflow: Workflow, subject_id: int) -> Consensus | None:
    """Return what is known of a galaxy, with the galaxy."""
    rows = Consensus.objects.select_related("subject__subject_set", "prior_model", "tree")
    return rows.filter(workflow=workflow, subject=subject_id).first()


def seen(workflow: Workflow, subject_id: int) -> Seen | None:
    """Return what the active network has said of a galaxy; None without a network."""
    model = registry.active_model(workflow)
    if model is None:
        return None
    known = Unusual.objects.filter(model=model, subject=subject_id)
    return Seen(
        model,
        predictions.prediction(model, subject_id),
        known.values_list("distance", flat=True).first(),
    )


def retirements(workflow: Workflow, subject_id: int) -> list[Retirement]:
    """Return when a galaxy retired and was opened again, the first time first."""
    rows = Retirement.objects.filter(workflow=workflow, subject=subject_id)
    return list(rows.order_by("pk"))


def alike(workflow: Workflow, found: Seen) -> list[Alike]:
    """Return the galaxies of a campaign that look most like one to its network."""
    said = found.prediction
    if said is None or said.embedding is None:
        return []
    near = index.alike(found.model, said.subject_id, as_text(said.embedding), workflow=workflow)
    subjects = Subject.objects.in_bulk([subject_id for subject_id, _ in near])
    return [Alike(subjects[subject_id], likeness) for subject_id, likeness in near]


def space(model: ModelVersion) -> Space | None:
    """Return how the look-alikes of a network are found."""
    return Space.objects.filter(model=model).first()


def streams(workflow: Workflow, subject_id: int) -> list[tuple[str, float]]:
    """Return the streams in which a galaxy waits, in words, with its key."""
    rows = Queue.objects.filter(workflow=workflow, subject=subject_id).exclude(stream=Stream.RANDOM)
    return [(row.get_stream_display(), row.sort_key) for row in rows.order_by("stream")]


def heat_map(model: ModelVersion, subject_id: int, answer: str) -> HeatMap | None:
    """Return a map that somebody has asked for."""
    return HeatMap.objects.filter(model=model, subject=subject_id, answer=answer).first()


def listed(workflow: Workflow, kind: ListKind, *, after: int) -> Page:
    """Return galaxies of a list, from beyond a place."""
    rows = Listed.objects.filter(workflow=workflow, kind=kind, place__gt=after)
    found = list(rows.select_related("subject").order_by("place")[: PER_PAGE + 1])
    page = found[:PER_PAGE]
    return Page(page, page[-1].place if len(found) > PER_PAGE else None)


def made(workflow: Workflow) -> Lists | None:
    """Return when the lists of a campaign were made."""
    return Lists.objects.filter(workflow=workflow).first()


def distance_range(model: ModelVersion) -> tuple[float, float] | None:
    """Return the middle and the highest tenth of the distances of a network, for comparison."""
    with connection.cursor() as cursor:
        cursor.execute(_RANGE, [model.pk])
        row = cursor.fetchone()
    return (float(row[0]), float(row[1])) if row and row[0] is not None else None


# A sample is enough for a comparison, and costs the same whatever the number of galaxies.
_RANGE = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY distance),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY distance)
    FROM (SELECT distance FROM predictions_unusual WHERE model_id = %s LIMIT 2000) sample
"""
