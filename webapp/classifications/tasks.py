"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.classifications import exclusion, following, insight, recounting, reweigh, services
from webapp.classifications.models import Recount, Reweighing
from webapp.common import work
from webapp.workflows.models import Workflow


@shared_task
def forget_expired_handouts() -> None:
    """Galaxies that were shown long ago and never answered are forgotten."""
    services.forget_expired_handouts()


@shared_task
def start_recounts() -> None:
    """Every campaign waits to be counted again."""
    for workflow in Workflow.objects.all():
        recounting.start_recount(workflow=workflow)


@shared_task
def run_recounts() -> None:
    """Every stored tally has been compared with the votes; a difference is an alarm."""
    work.run_all(
        Recount, recounting.run_recount, deadline_s=time.monotonic() + settings.TASK_BUDGET_S
    )


@shared_task
def follow_trees() -> None:
    """Every tally is along its campaign's present tree."""
    for workflow in Workflow.objects.filter(is_tallied=False).select_related("tree"):
        following.follow_tree(workflow)


@shared_task
def measure_insights() -> None:
    """The figures for every campaign's owner are computed."""
    for workflow in Workflow.objects.with_tree():
        insight.measure_insight(workflow)


@shared_task
def reweigh_campaigns() -> None:
    """Every campaign with new answers waits to be weighed anew."""
    for workflow in Workflow.objects.with_tree():
        if reweigh.has_new_answers(workflow):
            reweigh.start_reweighing(workflow=workflow)


@shared_task
def run_reweighings() -> None:
    """Every campaign that waited has been weighed anew, or put back when the time was spent."""
    work.run_all(
        Reweighing, reweigh.run_reweighing, deadline_s=time.monotonic() + settings.TASK_BUDGET_S
    )


@shared_task
def apply_exclusions() -> None:
    """The standings of volunteers that an owner decided on have followed."""
    exclusion.apply_decisions()
