"""Letting the tallies follow a campaign to another version of its tree."""

from django.db import transaction
from django.db.models import QuerySet

from webapp.classifications import recount
from webapp.consensus.models import Consensus
from webapp.consensus.services import CHUNK
from webapp.subjects.models import SetLink
from webapp.workflows.models import Workflow


def follow_tree(workflow: Workflow) -> int:
    """Recount every tally that is along an older tree, a chunk at a time.

    Safe to be killed: until the end the campaign says that its tallies wait.

    Returns:
        How many tallies were recounted.
    """
    n_done, last = 0, 0
    while chunk := _follow_chunk(workflow, after=last):
        n_done, last = n_done + len(chunk), chunk[-1]
    _settle(workflow)
    return n_done


@transaction.atomic
def _follow_chunk(workflow: Workflow, *, after: int) -> list[int]:
    rows = _behind(workflow).filter(subject_id__gt=after).order_by("subject_id")
    locked = list(rows.select_for_update(no_key=True)[:CHUNK])
    recount.repair_locked(workflow, locked)
    return [row.subject_id for row in locked]


@transaction.atomic
def _settle(workflow: Workflow) -> None:
    """Say that no tally waits, unless one does: galaxies that were admitted meanwhile.

    The lock waits for an admission under way, which may have read the older tree; whoever admits
    later reads the present one.
    """
    list(SetLink.objects.filter(workflow=workflow).select_for_update(no_key=True))
    if not _behind(workflow).exists():
        # Of this version only: somebody may have changed the tree again.
        same = Workflow.objects.filter(pk=workflow.pk, major=workflow.major, minor=workflow.minor)
        same.update(is_tallied=True)


def _behind(workflow: Workflow) -> QuerySet[Consensus]:
    return Consensus.objects.filter(workflow=workflow).exclude(tree_id=workflow.tree_id)
