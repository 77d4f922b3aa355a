"""What the workers look for in this app."""

import time

from celery import shared_task
from django.conf import settings

from webapp.common import work
from webapp.exports import publishing, services, writing
from webapp.exports.models import Export, Release


@shared_task
def run_exports() -> None:
    """Every file and every release that somebody asked for is made."""
    deadline_s = time.monotonic() + settings.TASK_BUDGET_S
    work.run_all(Export, writing.write_export, deadline_s=deadline_s)
    work.run_all(Release, publishing.publish_release, deadline_s=deadline_s)


@shared_task
def forget_old_exports() -> None:
    """Files that are older than they are kept are gone."""
    services.forget_old_exports()
