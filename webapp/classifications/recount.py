"""Computing tallies anew from the votes, to prove the stored ones or to repair them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction

from webapp.consensus import services as consensus
from webapp.consensus import tally
from webapp.consensus.models import RANKED_BY_NETWORK, Consensus, ImportedTally
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


@dataclass(frozen=True)
class Compared:
    """Some tallies of a campaign, compared with the votes."""

    n_tallies: int
    last_subject_id: int
    differences: list[Difference]


# Many people go the same way, so that a path is read and counted once for all galaxies.
_PATHS = """
    SELECT classification.tree_id, classification.path,
           array_agg(standing.subject_id), array_agg(standing.weight)
    FROM classifications_standing standing
    JOIN classifications_classification classification
      ON classification.id = standing.classification_id
    WHERE standing.workflow_id = %s AND standing.subject_id = ANY(%s)
      AND standing.state = 'counted'
    GROUP BY 1, 2
"""


def fill(workflow: Workflow, tallies: Sequence[Consensus]) -> None:
    """Set the counts of these rows, in memory, to what the votes give on the campaign's axis."""
    axis = workflow.tree.tree
    places = {row.subject_id: place for place, row in enumerate(tallies)}
    n_rows = len(places)
    people = np.zeros(n_rows, np.int64)
    votes, weighted = np.zeros((2, n_rows, axis.n_answers))
    asked, weighted_asked = np.zeros((2, n_rows, axis.n_questions))
    for tree_id, path, subject_ids, weights in _paths(workflow, list(places)):
        here = [places[subject_id] for subject_id in subject_ids]
        count = np.bincount(here, minlength=n_rows)
        weight = np.bincount(here, weights, minlength=n_rows)
        answers, questions = map(
            list, tally.counted(path, TreeVersion.objects.known(tree_id).tree, axis)
        )
        people += count
        votes[:, answers] += count[:, None]
        asked[:, questions] += count[:, None]
        weighted[:, answers] += weight[:, None]
        weighted_asked[:, questions] += weight[:, None]
    for given in ImportedTally.objects.filter(workflow=workflow, subject_id__in=list(places)):
        place, older = places[given.subject_id], TreeVersion.objects.known(given.tree_id).tree
        moved, met = map(np.array, tally.moved(given.votes, given.asked, older, axis))
        people[place] += given.n_people
        votes[place] += moved
        weighted[place] += moved
        asked[place] += met
        weighted_asked[place] += met
    for place, row in enumerate(tallies):
        row.n_classifications = int(people[place])
        row.votes = votes[place].astype(int).tolist()
        row.asked = asked[place].astype(int).tolist()
        row.weighted, row.weighted_asked = weighted[place].tolist(), weighted_asked[place].tolist()


def _paths(workflow: Workflow, subject_ids: list[int]) -> list[tuple[Any, ...]]:
    """Return each path that counts, with the galaxy and the weight of everybody who went it."""
    with connection.cursor() as cursor:
        cursor.execute(_PATHS, [workflow.pk, subject_ids])
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


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
    while found := compare_next(workflow, after=last, repair=repair):
        yield from found.differences
        last = found.last_subject_id


@transaction.atomic
def compare_next(workflow: Workflow, *, after: int, repair: bool = False) -> Compared | None:
    """Lock the next tallies beyond a subject id and compare them; None if there are none."""
    rows = list(
        Consensus.objects.filter(workflow=workflow, subject_id__gt=after)
        .select_for_update(no_key=True)
        .order_by("subject_id")[: consensus.CHUNK]
    )
    if not rows:
        return None
    found = _of_locked(consensus.present(workflow), rows, repair=repair)
    return Compared(len(rows), rows[-1].subject_id, found)


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
