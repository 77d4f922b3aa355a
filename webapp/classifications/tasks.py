"""What the workers look for in this app."""

import logging

from celery import shared_task

from webapp.classifications import following, recount, services
from webapp.workflows.models import Workflow

logger = logging.getLogger(__name__)


@shared_task
def forget_expired_handouts() -> None:
    """Galaxies that were shown long ago and never answered are forgotten."""
    services.forget_expired_handouts()


@shared_task
def compare_tallies_with_votes() -> None:
    """Every stored tally has been compared with the votes; a difference is an alarm."""
    for workflow in Workflow.objects.with_tree():
        for difference in recount.differences(workflow):
            logger.error("Recount of %s: %s", workflow.slug, difference)


@shared_task
def follow_trees() -> None:
    """Every tally is along its campaign's present tree."""
    for workflow in Workflow.objects.filter(is_tallied=False).select_related("tree"):
        following.follow_tree(workflow)
