"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.common import work
from webapp.imports import running
from webapp.imports.models import ImportBatch


@shared_task
def run_imports() -> None:
    """Every file that somebody brought is read."""
    deadline_s = time.monotonic() + settings.TASK_BUDGET_S
    work.run_all(ImportBatch, running.run_batch, deadline_s=deadline_s)
