"""What the workers look for in this app; see settings.SCORING_QUEUE for which of them."""

import time

from celery import shared_task
from django.conf import settings

from webapp.common import work
from webapp.predictions import listing, maps, queries, scoring, spaces
from webapp.predictions.models import HeatMap

# Short, for this worker does one thing at a time; the next call is waiting already.
BUDGET_S = 60.0


@shared_task
def score_unscored() -> None:
    """Every galaxy has the word of its campaign's active network, or the time was spent."""
    scoring.score_all(deadline_s=time.monotonic() + min(BUDGET_S, settings.TASK_BUDGET_S))


@shared_task
def refresh_spaces() -> None:
    """Embeddings of every network that serves have been compared, and indexed where it pays."""
    spaces.refresh_spaces(deadline_s=time.monotonic() + settings.TASK_BUDGET_S)


@shared_task
def list_galaxies() -> None:
    """Every campaign with a network has its lists of galaxies worth a look."""
    for workflow, model in queries.serving():
        listing.list_galaxies(workflow, model)


@shared_task
def draw_maps() -> None:
    """Every heat map that somebody asked for is drawn."""
    work.run_all(HeatMap, maps.draw_map, deadline_s=time.monotonic() + settings.TASK_BUDGET_S)
