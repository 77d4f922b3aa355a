"""Owners bring files, see what became of each row, and nobody else does."""

import os
import time
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests import make
from webapp.accounts.models import Role, User
from webapp.imports.models import ImportBatch
from webapp.imports.tasks import run_imports
from webapp.subjects import uploads
from webapp.subjects.models import SubjectSet

pytestmark = pytest.mark.django_db
ROWS = b'subject_id,metadata,locations\n5,"{""ra"": 1.5, ""dec"": 2.5}",{}\n=6,{},{}\n'


@pytest.fixture
def scientist(client):
    user = User.objects.create_user("ann", "ann@example.org", "x", role=Role.SCIENTIST)
    client.force_login(user)
    return user


def sent(**fields):
    return {"kind": "subjects", "file": SimpleUploadedFile("subjects.csv", ROWS)} | fields


def test_a_file_is_brought_read_and_its_refused_rows_downloaded(client, scientist):
    made = SubjectSet.objects.create(slug="s", name="S")
    made.owners.add(scientist)
    answer = client.post("/imports/new/", sent(subject_set=made.pk))
    batch = ImportBatch.objects.get()
    assert answer.url == f"/imports/{batch.pk}/"
    long_ago = time.time() - 2 * uploads.UNCLAIMED_S
    os.utime(batch.source, (long_ago, long_ago))
    uploads.remove_ended()  # what waits for a worker is kept, however long
    assert Path(batch.source).exists()
    run_imports()
    assert not Path(batch.source).exists()
    page = client.get(answer.url).content.decode()
    assert "it is a number" in page
    text = b"".join(client.get(f"/imports/{batch.pk}/refused.csv").streaming_content).decode()
    assert text.splitlines()[0] == "row,id,reason"
    assert text.splitlines()[1].startswith("2,'=6,")
    assert "subjects.csv" in client.get("/imports/").content.decode()
    assert client.get(f"/imports/{batch.pk}/part/").url == answer.url
    assert client.get(f"/imports/{batch.pk}/part/", headers={"HX-Request": "true"}).status_code == (
        200
    )
    assert client.get("/sets/s/").status_code == 200  # a galaxy without a picture breaks no page
    assert b"no-picture" in client.get("/sets/s/").content


def test_what_cannot_be_is_said_and_nothing_is_kept(client, scientist):
    assert client.get("/imports/new/").status_code == 200
    assert client.post("/imports/new/", {"kind": "subjects"}).status_code == 422
    answer = client.post("/imports/new/", sent())
    assert answer.status_code == 422
    assert b"Choose the set" in answer.content
    other = SubjectSet.objects.create(slug="o", name="O")
    assert client.post("/imports/new/", sent(subject_set=other.pk)).status_code == 422
    assert not ImportBatch.objects.exists()


def test_others_find_nothing(client, scientist):
    batch = ImportBatch.objects.create(kind="workflows", source="x", source_name="x")
    for address in ("", "part/", "refused.csv"):
        assert client.get(f"/imports/{batch.pk}/{address}").status_code == 404
    assert client.post(f"/imports/{batch.pk}/cancel/").status_code == 404
    ImportBatch.objects.update(requested_by=scientist)
    assert client.post(f"/imports/{batch.pk}/cancel/").status_code == 302
    batch.refresh_from_db()
    assert batch.status == "cancelled"
    make.visitor()
    client.logout()
    assert client.get("/imports/").status_code == 302
