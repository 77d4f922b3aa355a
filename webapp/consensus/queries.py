"""What owners look up about a campaign's galaxies. Lists are read by key, a page at a time."""

from dataclasses import dataclass

from django.db import connection

from webapp.common.fields import columns_of
from webapp.consensus.models import Consensus, Flag
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow


@dataclass(frozen=True)
class Counts:
    """Galaxies of a campaign.

    Attributes:
        n_subjects: those that were admitted and are not withdrawn.
        n_waiting: those that wait to be shown.
    """

    n_subjects: int
    n_waiting: int


_COUNTS = """
    SELECT (SELECT count(*) FROM consensus_consensus
            WHERE workflow_id = %(workflow)s AND retired_reason <> 'withdrawn'),
           (SELECT count(*) FROM consensus_queue
            WHERE workflow_id = %(workflow)s AND stream = 'random')
"""


def counts(workflow: Workflow) -> Counts:
    """Return how many galaxies a campaign has; for drafts, as it counts them all."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"workflow": workflow.pk})
        return Counts(*cursor.fetchone())


_SAMPLE = f"""
    SELECT {columns_of(Subject)} FROM subjects_subject WHERE id IN (
        SELECT subject_id FROM consensus_consensus
        WHERE workflow_id = %s AND retired_reason NOT IN ('withdrawn', 'unseen')
        ORDER BY random() LIMIT %s)
"""  # noqa: S608 - names of columns


def sample(workflow: Workflow, *, at_most: int) -> list[Subject]:
    """Return galaxies of a campaign, chosen at random."""
    return list(Subject.objects.raw(_SAMPLE, [workflow.pk, at_most]))


def counts_by_set(workflow: Workflow) -> dict[int, tuple[int, int]]:
    """Return for each set of a campaign its admitted galaxies, and those of them that retired."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_SET, [workflow.pk])
        return {pk: (n_subjects, n_retired) for pk, n_subjects, n_retired in cursor.fetchall()}


_BY_SET = """
    SELECT subject.subject_set_id, count(*), count(known.retired_at)
    FROM consensus_consensus known JOIN subjects_subject subject ON subject.id = known.subject_id
    WHERE known.workflow_id = %s AND known.retired_reason <> 'withdrawn'
    GROUP BY subject.subject_set_id
"""


def retired(workflow: Workflow, *, after: int, limit: int) -> list[Consensus]:
    """Return retired galaxies in the order in which they came in, from beyond a subject id."""
    rows = Consensus.objects.filter(
        workflow=workflow, retired_at__isnull=False, subject_id__gt=after
    )
    return list(rows.select_related("subject", "tree").order_by("subject_id")[:limit])


def flags(workflow: Workflow, *, before: int | None, limit: int) -> list[Flag]:
    """Return galaxies that somebody should look at, the newest first, from below a flag's id."""
    rows = Flag.objects.filter(workflow=workflow).select_related("subject")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])
