"""Every night each campaign is counted again, as work that may be killed and goes on."""

import logging
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from webapp.classifications import recount
from webapp.classifications.models import Recount
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

logger = logging.getLogger(__name__)
SHOWN = 20  # differences that the row keeps in words; all of them are in the log
OPEN = (WorkStatus.PENDING, WorkStatus.RUNNING)


@transaction.atomic
def start_recount(*, workflow: Workflow, by: Any = None) -> Recount:
    """Ask for a campaign to be counted again; asking twice while one is open makes one."""
    Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
    known = Recount.objects.filter(workflow=workflow, status__in=OPEN).first()
    wake("recounts")
    return known or Recount.objects.create(workflow=workflow, requested_by=by)


def run_recount(row: Recount) -> None:
    """Compare a campaign's tallies with its votes from where the row stands."""
    workflow = Workflow.objects.with_tree().get(pk=row.workflow_id)
    n_total = Consensus.objects.filter(workflow=workflow).count()
    while _compare(row, workflow, n_total):
        work.rest(row)


@transaction.atomic
def _compare(row: Recount, workflow: Workflow, n_total: int) -> bool:
    """Compare some tallies and note it; False if there were none left, so that all is done."""
    found = recount.compare_next(workflow, after=row.last_subject_id)
    work.hold(row)
    if found is None:
        work.finish(row)
        Recount.objects.filter(workflow=workflow, pk__lt=row.pk).exclude(status__in=OPEN).delete()
        return False
    for difference in found.differences:
        logger.error("Recount of %s: %s", workflow.slug, difference)
    row.last_subject_id = found.last_subject_id
    row.n_differences += len(found.differences)
    row.words = [*row.words, *map(str, found.differences)][:SHOWN]
    row.save(update_fields=["last_subject_id", "n_differences", "words"])
    work.report(row, n_done=row.n_done + found.n_tallies, n_total=n_total)
    return True


def last_recounts(workflows: Iterable[Workflow]) -> dict[int, Recount]:
    """Return the newest recount of each of these campaigns that came to its end."""
    done = Recount.objects.filter(workflow__in=workflows, status=WorkStatus.DONE)
    newest = done.order_by("workflow", "-pk").distinct("workflow")
    return {row.workflow_id: row for row in newest}
