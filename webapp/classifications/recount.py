"""Computing tallies anew from the votes, to prove the stored ones or to repair them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from webapp.consensus import services as consensus
from webapp.consensus.models import RANKED_BY_NETWORK, Consensus
from webapp.workflows.models import TreeVersion, Workflow


@dataclass(frozen=True)
class Difference:
    """A stored number that the votes do not give."""

    subject_id: int
    what: str
    stored: object
    recomputed: object

    def __str__(self) -> str:
        return (
            f"galaxy {self.subject_id}: {self.what} stored {self.stored}, "
            f"recomputed {self.recomputed}"
        )


_PATHS = """
    SELECT standing.subject_id, classification.tree_id, classification.path, standing.weight,
           count(*)
    FROM classifications_standing standing
    JOIN classifications_classification classification
      ON classification.id = standing.classification_id
    WHERE standing.workflow_id = %s AND standing.subject_id = ANY(%s)
      AND standing.state = 'counted'
    GROUP BY 1, 2, 3, 4
"""


def fill(workflow: Workflow, tallies: Sequence[Consensus]) -> None:
    """Set the counts of these rows, in memory, to what the votes give on the campaign's axis."""
    axis = workflow.tree.tree
    for row in tallies:
        row.votes, row.asked = [0] * axis.n_answers, [0] * axis.n_questions
        row.weighted, row.weighted_asked = [0.0] * axis.n_answers, [0.0] * axis.n_questions
        row.n_classifications = 0
    by_subject = {row.subject_id: row for row in tallies}
    with connection.cursor() as cursor:
        cursor.execute(_PATHS, [workflow.pk, list(by_subject)])
        found = cursor.fetchall()
    trees = {
        tree.pk: tree.tree for tree in TreeVersion.objects.filter(pk__in={r[1] for r in found})
    }
    for subject_id, tree_id, path, weight, n_people in found:
        consensus.add_votes(
            by_subject[subject_id],
            path=path,
            weight=weight,
            tree=trees[tree_id],
            axis=axis,
            n_people=n_people,
        )


def repair_locked(
    workflow: Workflow, tallies: Sequence[Consensus], why: str = ""
) -> consensus.Judged:
    """Recompute locked tallies along the campaign's present tree, and judge them anew.

    Args:
        why: said of galaxies that are opened again by it.
    """
    workflow = consensus.present(workflow)
    fill(workflow, tallies)
    return consensus.put_tallies(workflow=workflow, tallies=tallies, why=why)


def repair_subjects(workflow: Workflow, subject_ids: Sequence[int]) -> None:
    """Lock the tallies of these galaxies in order, recompute and judge them."""
    with transaction.atomic():
        rows = Consensus.objects.filter(workflow=workflow, subject_id__in=subject_ids)
        repair_locked(workflow, list(rows.select_for_update(no_key=True).order_by("subject_id")))


def differences(workflow: Workflow, *, repair: bool = False) -> Iterator[Difference]:
    """Compare every tally and queue of a campaign with its votes, a chunk at a time.

    Args:
        repair: also write what was recomputed.
    """
    last = 0
    while True:
        with transaction.atomic():
            rows = list(
                Consensus.objects.filter(workflow=workflow, subject_id__gt=last)
                .select_for_update(no_key=True)
                .order_by("subject_id")[: consensus.CHUNK]
            )
            found = _of_locked(consensus.present(workflow), rows, repair=repair)
        if not rows:
            return
        yield from found
        last = rows[-1].subject_id


def _of_locked(workflow: Workflow, rows: Sequence[Consensus], *, repair: bool) -> list[Difference]:
    """Compare locked rows; those that wait to follow the campaign's tree will be recounted then."""
    rows = [row for row in rows if workflow.is_tallied or row.tree_id == workflow.tree_id]
    found = [*_of_counts(workflow, rows), *_of_queue(workflow, rows)]
    if repair and found:
        wrong = {difference.subject_id for difference in found}
        consensus.put_tallies(
            workflow=workflow, tallies=[row for row in rows if row.subject_id in wrong]
        )
        consensus.mend_queue(workflow_id=workflow.pk, subject_ids=sorted(wrong))
    return found


def _of_counts(workflow: Workflow, rows: Sequence[Consensus]) -> list[Difference]:
    """Return what differs, leaving the recomputed counts in the rows."""
    stored = {row.subject_id: _counts(row, row.tree_id) for row in rows}
    fill(workflow, rows)
    return [
        Difference(row.subject_id, what, old, new)
        for row in rows
        for what, old, new in zip(
            ("tree", "votes", "asked", "weighted votes", "weighted asked", "classifications"),
            stored[row.subject_id],
            _counts(row, workflow.tree_id),
            strict=True,
        )
        if old != new
    ]


def _counts(row: Consensus, tree_id: int) -> tuple[object, ...]:
    return (
        tree_id, row.votes, row.asked, row.weighted, row.weighted_asked, row.n_classifications,
    )  # fmt: skip


def _of_queue(workflow: Workflow, rows: Sequence[Consensus]) -> list[Difference]:
    """Return the galaxies that do not wait in just the streams that they should."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, array_agg(stream ORDER BY stream) FROM consensus_queue "
            "WHERE workflow_id = %s AND subject_id = ANY(%s) AND stream <> ALL(%s) "
            "GROUP BY subject_id",
            [workflow.pk, [row.subject_id for row in rows], list(RANKED_BY_NETWORK)],
        )
        waiting = dict(cursor.fetchall())
    return [
        Difference(row.subject_id, "waits in the streams", found, wanted)
        for row in rows
        if (found := waiting.get(row.subject_id, [])) != (wanted := consensus.streams_of(row))
    ]
