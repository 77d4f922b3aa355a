"""What a worker does for backups, where BACKUP_DIR names a folder."""

import logging
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from webapp.backups import queries
from webapp.backups.drilling import try_backup
from webapp.backups.errors import Busy
from webapp.backups.making import make_backup
from webapp.backups.models import Drill
from webapp.backups.removing import remove_old
from webapp.common.errors import DomainError

logger = logging.getLogger(__name__)
EVERY = timedelta(hours=24)
AGAIN_AFTER = timedelta(hours=6)  # one that failed
LONGEST_S = 24 * 3600


@shared_task(time_limit=LONGEST_S)
def back_up_when_due() -> None:
    """The newest backup that was found good is less than a day old.

    A worker that is killed leaves nothing that is taken for a backup, and the next hour's begins
    again. Old ones are removed only when a newer one was found good.
    """
    if not settings.BACKUP_DIR or not _is_due():
        return
    folder, key = Path(settings.BACKUP_DIR), settings.BACKUP_KEY
    try:
        drill = try_backup(make_backup(folder, key=key).path, key=key)
        if drill.is_good:
            remove_old(folder, keep=settings.BACKUPS_KEPT, key=key)
    except Busy:
        return
    except (DomainError, OSError) as error:
        drill = Drill.objects.create(
            backup="", made_at=timezone.now(), is_good=False, words=str(error), seconds=0
        )
    if not drill.is_good:
        logger.error("No good backup was made: %s", drill.words)


def _is_due() -> bool:
    now = timezone.now()
    good, last = queries.last_good_drill(), queries.last_drill()
    if good and now - good.made_at < EVERY:
        return False
    return last is None or last.is_good or now - last.tried_at > AGAIN_AFTER
