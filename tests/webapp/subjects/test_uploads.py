"""Uploaded files go when their batch needs them no more."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests import make
from webapp.common.models import WorkStatus
from webapp.subjects import services, uploads
from webapp.subjects.models import IngestBatch, Phase

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(tmp_path, settings):
    settings.UPLOADS_ROOT = tmp_path / "uploads"


def uploaded(**fields) -> tuple[IngestBatch, Path]:
    path = uploads.keep(SimpleUploadedFile("../../evil.zip", b"PK"), "zip")
    batch = make.batch(path)
    IngestBatch.objects.filter(pk=batch.pk).update(**fields)
    return batch, path


def test_the_name_is_ours(settings):
    _, path = uploaded()
    assert path.parent == settings.UPLOADS_ROOT
    assert "evil" not in path.name


@pytest.mark.parametrize(
    ("status", "phase", "age_days", "is_kept"),
    [
        (WorkStatus.PENDING, Phase.CHECK, 0, True),
        (WorkStatus.RUNNING, Phase.STORE, 30, True),
        (WorkStatus.DONE, Phase.CHECK, 1, True),
        (WorkStatus.DONE, Phase.CHECK, 8, False),
        (WorkStatus.DONE, Phase.STORE, 0, False),
        (WorkStatus.FAILED, Phase.STORE, 1, True),
        (WorkStatus.FAILED, Phase.STORE, 8, False),
        (WorkStatus.CANCELLED, Phase.CHECK, 0, False),
    ],
)
def test_an_upload_stays_as_long_as_somebody_may_need_it(status, phase, age_days, is_kept):
    finished_at = timezone.now() - timedelta(days=age_days)
    _, path = uploaded(status=status, phase=phase, finished_at=finished_at)
    uploads.remove_ended()
    assert path.exists() == is_kept


def test_a_file_without_a_batch_goes_after_an_hour():
    path = uploads.keep(SimpleUploadedFile("a.zip", b"PK"), "zip")
    assert uploads.remove_ended() == 0
    os.utime(path, (0, 0))
    assert uploads.remove_ended() == 1


def test_an_upload_whose_batch_cannot_be_written_is_not_kept(settings, monkeypatch):
    made = make.subject_set()
    with pytest.raises(ValueError, match="unsaved"):
        services.start_upload(
            subject_set=type(made)(name="never saved"),
            pictures=SimpleUploadedFile("a.zip", b"PK"),
            manifest=SimpleUploadedFile("a.csv", b"a"),
            is_dry_run=True,
            keeps_good_rows=False,
            actor=make.user(),
        )
    assert list(settings.UPLOADS_ROOT.iterdir()) == []


def test_a_check_whose_files_are_gone_says_so():
    batch, path = uploaded(status=WorkStatus.DONE, finished_at=timezone.now())
    path.unlink()
    with pytest.raises(services.IngestRefused, match="upload them again"):
        services.import_checked(
            batch=IngestBatch.objects.get(pk=batch.pk), keeps_good_rows=True, actor=None
        )
