"""I2: JSON of every kind, wherever the site takes any, is refused with a sentence.

That is a request of the API, a cursor, the file of a tree, how a picture was looked at, and the
files of Zooniverse.
"""

import base64
import csv
import io
import json
import uuid
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests import make
from tests.webapp.api.programs import Program
from webapp.accounts.models import Role
from webapp.classifications.models import Classification, Handout
from webapp.classifications.shown import Shown
from webapp.exports.models import Export
from webapp.imports.models import ImportBatch
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion, Workflow

pytestmark = pytest.mark.django_db
NEST = "[" * 10_000 + "]" * 10_000
SPOILED = {
    "deep": b'{"a": %b}' % NEST.encode(),
    "open": b"[" * 10_000,
    "doubled": b'{"workflow": "x", "format": "csv", "format": "csv"}',
    "nan": b'{"zoom": NaN}',
    "infinite": b'{"zoom": -Infinity}',
    "too large": b'{"zoom": 1e400}',
    "digits": b'{"zoom": %b}' % (b"9" * 5_000),
    "trailing": b'{"zoom": 2} x',
    "two": b"{}{}",
    "nul after": b'{"zoom": 2}\0',
    "latin-1": '{"format": "ä"}'.encode("latin-1"),
    "utf-16": '{"zoom": 2}'.encode("utf-16"),
    "cut": b'{"zoom": ',
    "list": b"[1]",
    "empty": b" ",
    "surrogate": rb'{"format": "\ud800", "workflow": "\udfff"}',
    "nul": rb'{"format": "\u0000", "workflow": "a\u0000"}',
}
EVERY = pytest.mark.parametrize("content", SPOILED.values(), ids=SPOILED.keys())


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@EVERY
def test_a_request_is_refused(alice, content):
    answer = Program(alice).post("/api/exports/", content)
    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"].rstrip().endswith(".")
    assert not Export.objects.exists()


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "base64", "rot13", "nothing"])
def test_another_encoding_that_is_claimed_is_not_believed(alice, charset):
    program = Program(alice)
    fields = {"workflow": make.owned(alice).slug, "format": "csv"}
    answer = program.client.generic(
        "POST",
        "/api/exports/",
        json.dumps(fields),
        f"application/json; charset={charset}",
        headers={"Authorization": f"Bearer {program.key}"},
    )
    assert answer.status_code == 202, answer.content


def test_a_mark_of_the_byte_order_is_read_over(alice):
    content = json.dumps({"workflow": make.owned(alice).slug, "format": "csv"})
    answer = Program(alice).post("/api/exports/", content.encode("utf-8-sig"))
    assert answer.status_code == 202, answer.content


def test_a_request_that_is_too_long_is_not_read_to_its_end(alice):
    answer = Program(alice).post("/api/exports/", b'{"format": "%b"}' % (b"x" * 10_000_000))
    assert answer.status_code == 400
    assert "larger than 100,000 bytes" in answer.json()["detail"]


@EVERY
def test_a_tree_is_refused(browser, alice, content):
    browser.force_login(alice)
    file = SimpleUploadedFile("tree.json", content)
    form = {"name": "A", "choice": "upload", "file": file}
    answer = browser.post(reverse("dashboard:create"), form)
    assert answer.status_code == 422
    assert b'role="alert"' in answer.content
    assert not TreeVersion.objects.exists()


@EVERY
def test_a_cursor_is_refused(alice, content):
    cursor = base64.urlsafe_b64encode(content).decode()
    answer = Program(alice).get("/api/workflows/", {"cursor": cursor})
    assert answer.status_code == 400
    assert "is no cursor" in answer.json()["detail"] or "belongs to" in answer.json()["detail"]


def form_of(browser: Client, workflow: Workflow, view: bytes) -> str:
    place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    handout = Handout.objects.get(pk=place.rstrip("/").rpartition("/")[2])
    shown = Shown.of(handout).sign()
    return urlencode({"uuid": uuid.uuid4(), "shown": shown, "path": "0", "view": view})


DEEP_AND_SHORT = b'{"zoom": %b}' % (b"[" * 490 + b"]" * 490)
NEST_IN_A_CELL = b'{"a": %b}' % (b"[" * 900 + b"]" * 900)
TWICE = b'{"zoom": 2, "zoom": 3}'


@pytest.mark.parametrize(
    "view",
    [*SPOILED.values(), DEEP_AND_SHORT, TWICE],
    ids=[*SPOILED.keys(), "deep and short", "twice"],
)
def test_how_a_picture_was_looked_at_is_refused(browser, view):
    workflow = make.workflow(n_subjects=2)
    form = form_of(browser, workflow, view)
    answer = browser.post(
        f"/c/{workflow.slug}/submit/",
        form,
        content_type="application/x-www-form-urlencoded",
        headers={"HX-Request": "true"},
    )
    if not view.strip():  # as a page that says nothing
        assert answer.status_code == 200
        return
    assert answer.status_code in (400, 422)
    assert b"Reload the page and answer again." in answer.content
    assert not Classification.objects.exists()


def imported(kind: str, name: str, content: bytes, folder: Path) -> ImportBatch:
    """Let a worker read a file of Zooniverse to its end."""
    (folder / name).write_bytes(content)
    made: ImportBatch = make.imported(kind, folder / name, make.workflow(n_subjects=1))
    return made


def test_cells_of_zooniverse_are_refused_row_by_row(tmp_path):
    cells = [text.decode("latin-1") for text in (*SPOILED.values(), NEST_IN_A_CELL)]
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["subject_id", "metadata", "locations"])
    rows.writerows([number, cell, "{}"] for number, cell in enumerate(cells, 1))
    rows.writerow([1000, '{"fine": 1}', "{}"])
    batch = imported("subjects", "subjects.csv", table.getvalue().encode(), tmp_path)
    assert (batch.status, batch.error) == ("done", "")
    assert Subject.objects.filter(survey_id="1000").exists()
    stored = Subject.objects.filter(survey_id__in=[str(n) for n in range(1, len(cells) + 1)])
    assert stored.count() + batch.n_refused == len(cells)
    for metadata in stored.values_list("metadata", flat=True):
        assert "Infinity" not in json.dumps(metadata)


@EVERY
def test_a_file_of_versions_is_refused(tmp_path, content):
    batch = imported("workflows", "versions.json", content, tmp_path)
    said = batch.error or " ".join(batch.problems.values_list("reason", flat=True))
    assert said
    assert "Traceback" not in said
    assert batch.n_added == 0
