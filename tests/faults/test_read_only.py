"""F10: the disk of pictures and files becomes read-only while the site runs. Votes go on."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests import make
from tests.faults import mounts
from webapp.accounts.models import Role
from webapp.classifications.models import Classification
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.exports import tasks as exports
from webapp.exports.models import Export
from webapp.subjects import tasks as subjects
from webapp.subjects.models import IngestBatch, Subject

pytestmark = pytest.mark.django_db
WHY = "Read-only file system"


@pytest.fixture
def folders(settings) -> list[Path]:
    return [
        Path(settings.MEDIA_ROOT).parent, Path(settings.UPLOADS_ROOT), Path(settings.EXPORTS_ROOT),
    ]  # fmt: skip


def files(folders: list[Path]) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def upload() -> dict[str, SimpleUploadedFile]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("one.png", make.picture(1))
    return {"pictures": SimpleUploadedFile("sky.zip", buffer.getvalue())}


def insist(model: type[work.Work], task) -> work.Work:
    """Let workers try the one piece of work until they give it up."""
    for _ in range(work.MAX_ATTEMPTS):
        model._default_manager.update(not_before_at=None)
        task()
    return model._default_manager.get()


def test_uploads_and_files_fail_with_the_reason_and_the_operators_are_told(
    client, folders, tmp_path, settings
):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice, n_subjects=2)
    galaxy = Subject.objects.first()
    into = make.subject_set(alice)
    make.batch(make.picture_folder(tmp_path, 2), into=into)
    client.force_login(alice)
    client.post(reverse("exports:request", args=[workflow.slug]), {"format": "csv", "query": ""})
    address = reverse("subjects:upload", args=[into.slug])

    with mounts.own_mounts(), mounts.read_only(*folders):
        before = files(folders)
        answer = client.post(address, upload())
        assert answer.status_code == 503
        assert WHY in answer.content.decode()
        assert "nothing was kept" in answer.content.decode()
        batch = insist(IngestBatch, subjects.run_ingest_batches)
        export = insist(Export, exports.run_exports)
        for row in (batch, export):
            assert row.status == WorkStatus.FAILED
            assert WHY in row.error
        make.classification(make.visitor(), workflow, galaxy)
        assert Classification.objects.count() == 1
        client.force_login(make.user("vera", Role.ADMIN))
        page = client.get(reverse("dashboard:operations")).content.decode()
        head = page[: page.index('id="campaigns"')]
        assert f"Nothing can be written to {settings.MEDIA_ROOT}" in head
        assert "2 pieces of work have failed" in head
        assert "site_unwritable_folders 3.0" in client.get("/metrics").content.decode()
        assert files(folders) == before

    client.force_login(alice)
    assert "site_unwritable_folders 0.0" in client.get("/metrics").content.decode()
    for row, task in ((batch, subjects.run_ingest_batches), (export, exports.run_exports)):
        assert work.retry(row)
        task()
        row.refresh_from_db()
        assert row.status == WorkStatus.DONE
    assert hashlib.sha256(export.path.read_bytes()).hexdigest() == export.sha256
    assert client.post(address, upload()).status_code == 302
