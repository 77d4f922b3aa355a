"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.explore import editions


@shared_task
def refresh_editions() -> None:
    """Every public campaign's catalog pages show what was known a short while ago."""
    editions.refresh_editions(deadline_s=time.monotonic() + settings.TASK_BUDGET_S)
