"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings
from django.db.models import F

from webapp.consensus import admission, measuring, services
from webapp.workflows.models import Workflow


@shared_task
def admit_subjects() -> None:
    """Galaxies of linked sets have their tallies and their places in the queue."""
    deadline_s = time.monotonic() + settings.TASK_BUDGET_S
    while time.monotonic() < deadline_s and admission.admit_next_chunk():
        pass


@shared_task
def judge_subjects() -> None:
    """Every tally has been judged by its campaign's present rule."""
    for workflow in Workflow.objects.with_tree().filter(judged_rule_version__lt=F("rule_version")):
        services.judge_all(workflow)


@shared_task
def measure_progress() -> None:
    """The progress of every campaign is summed."""
    for workflow in Workflow.objects.with_tree():
        measuring.measure_progress(workflow)
