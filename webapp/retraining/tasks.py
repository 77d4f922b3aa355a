"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.common import work
from webapp.retraining import collecting, drift, schedule, watching, writing
from webapp.retraining.models import Phase, TrainingRun

STEPS = {
    Phase.WRITE: writing.write_run,
    Phase.TRAIN: writing.write_run,  # it is written: it goes back to the trainer
    Phase.COLLECT: collecting.collect_run,
}


@shared_task
def work_on_runs() -> None:
    """Every run that waited has its directory, or has its model judged."""
    work.run_all(TrainingRun, perform, deadline_s=time.monotonic() + settings.TASK_BUDGET_S)


@shared_task
def watch_runs() -> None:
    """Every training's row says what its directory says."""
    watching.watch_all()


@shared_task
def start_due_runs() -> None:
    """Runs that were due have begun."""
    schedule.start_due_runs()


@shared_task
def measure_drifts() -> None:
    """Owners read whether newly come galaxies look like those that their model was trained on."""
    drift.measure_drifts()


def perform(run: TrainingRun) -> None:
    """Do what a claimed run waits for."""
    STEPS[Phase(run.phase)](run)
