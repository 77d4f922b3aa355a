"""What the workers look for in this app; see settings.SCORING_QUEUE for which of them."""

import time

from celery import shared_task
from django.conf import settings

from webapp.predictions import scoring

# Short, for this worker does one thing at a time; the next call is waiting already.
BUDGET_S = 60.0


@shared_task
def score_unscored() -> None:
    """Every galaxy has the word of its campaign's active network, or the time was spent."""
    scoring.score_all(deadline_s=time.monotonic() + min(BUDGET_S, settings.TASK_BUDGET_S))
