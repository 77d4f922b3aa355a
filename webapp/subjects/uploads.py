"""Uploaded files: kept under names that we make, until their batch needs them no more.

In server mode the folder is one that web and worker processes share.
"""

import contextlib
import logging
import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.subjects.models import IngestBatch, Phase

logger = logging.getLogger(__name__)

# What waits for a decision or for Retry; after that somebody has to upload it again.
KEPT = timedelta(days=7)
# A file without a batch may be one whose batch is about to be written.
UNCLAIMED_S = 3600.0


class NotKept(DomainError):
    """An upload could not be written."""


def keep(upload: "UploadedFile[bytes]", suffix: str, within: str = "") -> Path:
    """Write an upload under a name of ours and return its path.

    Args:
        within: a folder whose owner removes the files itself; none is removed there.

    Raises:
        NotKept: the disk is full or read-only; nothing is left of the file.
    """
    folder = Path(settings.UPLOADS_ROOT, within)
    path = folder / f"{uuid.uuid4().hex}.{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        logger.error("The upload %s could not be written: %s", path, error)  # noqa: TRY400
        raise NotKept(
            _(
                "The file could not be stored on the server (%(strerror)s): nothing was kept of "
                "it. Tell an administrator, and upload it again later."
            )
            % {"strerror": error.strerror}
        ) from None
    return path


def kept(name: str, suffix: str) -> Path | None:
    """Return the upload of this name, which `keep` has made, while it is there."""
    path = Path(settings.UPLOADS_ROOT) / f"{name}.{suffix}"
    return path if path.is_file() else None


def remove_ended() -> int:
    """Remove the uploads that no batch needs any more, and return how many.

    Called after each run of the worker, so an upload that a killed process left is found too.
    """
    folder = Path(settings.UPLOADS_ROOT)
    if not folder.is_dir():
        return 0
    files = {path: path.stat().st_mtime for path in folder.iterdir() if path.is_file()}
    needed, named = _paths(_needed()), _paths(Q())
    unclaimed_since = timezone.now().timestamp() - UNCLAIMED_S
    n_removed = 0
    for path, changed_at in files.items():
        is_old = str(path) in named or changed_at < unclaimed_since
        if str(path) not in needed and is_old:
            path.unlink(missing_ok=True)
            n_removed += 1
    return n_removed


def _needed() -> Q:
    recent = Q(finished_at__gt=timezone.now() - KEPT)
    return (
        Q(status__in=(WorkStatus.PENDING, WorkStatus.RUNNING))
        | Q(status=WorkStatus.DONE, phase=Phase.CHECK) & recent
        | Q(status=WorkStatus.FAILED) & recent
    )


def _paths(which: Q) -> set[str]:
    prefix = f"{settings.UPLOADS_ROOT}/"
    rows = IngestBatch.objects.filter(
        which, Q(source__startswith=prefix) | Q(picture_folder__startswith=prefix)
    )
    return {path for pair in rows.values_list("source", "picture_folder") for path in pair}
