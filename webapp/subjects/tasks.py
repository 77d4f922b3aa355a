"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.common import work
from webapp.subjects import ingest, uploads
from webapp.subjects.models import IngestBatch


@shared_task
def run_ingest_batches() -> None:
    """Every batch that waited has been ingested, or put back when the time was spent."""
    work.run_all(
        IngestBatch, ingest.run_batch, deadline_s=time.monotonic() + settings.TASK_BUDGET_S
    )
    uploads.remove_ended()
