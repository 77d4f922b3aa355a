"""F10: the disk of pictures and files becomes read-only while the site runs. Votes go on."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests import make
from tests.faults import mounts
from tests.faults.forms import long_form
from webapp.accounts.models import Role
from webapp.classifications.models import Classification
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.exports import tasks as exports
from webapp.exports.models import Export
from webapp.subjects import tasks as subjects
from webapp.subjects.models import IngestBatch
from webapp.workflows.models import Workflow

# Alone: a process that another test has started decodes pictures, and does not see these mounts.
pytestmark = [pytest.mark.django_db, long_form]
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


def insist(model: Any, task: Callable[[], None]) -> Any:
    """Let workers try the one piece of work until they give it up; a check may be progress."""
    for _ in range(2 * work.MAX_ATTEMPTS):
        model.objects.update(not_before_at=None)
        task()
        row = model.objects.get()
        if row.status == WorkStatus.FAILED:
            assert WHY in row.error
            return row
    raise AssertionError("It was never given up.")


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def asked(alice, client, tmp_path) -> str:
    """A campaign, a batch and a file that wait; the address for more pictures."""
    workflow = make.owned(alice, n_subjects=2)
    into = make.subject_set(alice)
    make.batch(make.picture_folder(tmp_path, 2), into=into)
    client.force_login(alice)
    client.post(reverse("exports:request", args=[workflow.slug]), {"format": "csv", "query": ""})
    return reverse("subjects:upload", args=[into.slug])


def test_uploads_and_files_fail_with_the_reason_and_votes_go_on(client, folders, asked):
    workflow = Workflow.objects.get()
    with mounts.own_mounts(), mounts.read_only(*folders):
        before = files(folders)
        answer = client.post(asked, upload())
        assert answer.status_code == 503
        assert WHY in answer.content.decode()
        assert "nothing was kept" in answer.content.decode()
        batch = insist(IngestBatch, subjects.run_ingest_batches)
        export = insist(Export, exports.run_exports)
        make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.all()[0])
        assert Classification.objects.count() == 1
        assert files(folders) == before

    for row, task in ((batch, subjects.run_ingest_batches), (export, exports.run_exports)):
        assert work.retry(row)
        task()
        row.refresh_from_db()
        assert row.status == WorkStatus.DONE
    assert hashlib.sha256(export.path.read_bytes()).hexdigest() == export.sha256
    assert client.post(asked, upload()).status_code == 302


def test_the_operators_are_told_which_folder(client, folders, settings):
    client.force_login(make.user("vera", Role.ADMIN))
    address = reverse("dashboard:operations")
    words = f"Nothing can be written to {settings.MEDIA_ROOT}"
    with mounts.own_mounts(), mounts.read_only(*folders):
        page = client.get(address).content.decode()
        assert words in page[: page.index('id="campaigns"')]
        assert "site_unwritable_folders 3.0" in client.get("/metrics").content.decode()
    assert words not in client.get(address).content.decode()
    assert "site_unwritable_folders 0.0" in client.get("/metrics").content.decode()
