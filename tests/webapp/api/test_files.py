"""Files: asked for with the scope for it, seen by who asked, and refused with a reason."""

import hashlib

import pytest

from tests import make
from tests.webapp.api.programs import Program
from webapp.accounts.models import Role
from webapp.api.models import Scope
from webapp.exports import services
from webapp.exports.citation import of_release
from webapp.exports.models import Export
from webapp.exports.tasks import run_exports

pytestmark = pytest.mark.django_db
PLACE = "/api/exports/"


def test_a_file_is_asked_for_and_followed(program, workflow):
    asked = program.post(PLACE, {"workflow": workflow.slug, "format": "parquet"})
    assert asked.status_code == 202, asked.content
    assert asked.json()["status"] == "pending"
    assert asked.json()["file"] is None
    said = program.get(asked.headers["Location"])
    assert said.status_code == 200
    assert said.json() == asked.json()
    assert program.get(PLACE).json()["results"] == [said.json()]


def test_a_file_that_is_not_wanted_any_more_is_cancelled(program, workflow):
    asked = program.post(PLACE, {"workflow": workflow.slug, "format": "fits"})
    ended = program.post(f"{PLACE}{asked.json()['id']}/cancel/")
    assert ended.status_code == 202
    assert ended.json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": "xls"}, "xls"),
        ({"format": "csv", "query": "frak=0..1"}, "frak"),
        ({"format": "csv", "table": "nothing"}, "nothing"),
        ({"format": "csv", "colour": "red"}, "'colour' is no field"),
        ({}, "format"),
    ],
)
def test_what_cannot_be_written_is_named(program, workflow, fields, words):
    answer = program.post(PLACE, {"workflow": workflow.slug, **fields})
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert not Export.objects.exists()


@pytest.mark.parametrize("content", ["[]", "1", "null", "{", "\xff"])
def test_what_is_no_object_is_refused(program, content):
    answer = program.post(PLACE, content)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_reading_alone_asks_for_nothing(alice, workflow):
    reader = Program(alice, [Scope.READ])
    answer = reader.post(PLACE, {"workflow": workflow.slug, "format": "csv"})
    assert answer.status_code == 403
    assert "'export'" in answer.json()["detail"]
    assert not Export.objects.exists()


def test_a_file_is_who_asked_for_its_alone(program, workflow):
    asked = program.post(PLACE, {"workflow": workflow.slug, "format": "csv"}).json()
    other = Program(make.user("other", Role.SCIENTIST))
    assert other.get(f"{PLACE}{asked['id']}/").status_code == 404
    assert other.post(f"{PLACE}{asked['id']}/cancel/").status_code == 404
    assert other.get(PLACE).json()["results"] == []


def test_a_file_that_is_done_is_fetched_with_the_token(program, workflow, settings, tmp_path):
    settings.EXPORTS_ROOT = tmp_path
    asked = program.post(PLACE, {"workflow": workflow.slug, "format": "csv"}).json()
    place = f"{PLACE}{asked['id']}/"
    early = program.get(f"{place}file/")
    assert (early.status_code, "not done" in early.json()["detail"]) == (404, True)
    run_exports()
    done = program.get(place).json()
    assert done["status"] == "done"
    got = program.get(done["file"].removeprefix("http://testserver"))
    content = b"".join(got.streaming_content)
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    other = Program(make.user("other", Role.SCIENTIST))
    assert other.get(f"{place}file/").status_code == 404


def test_releases_are_listed(program, alice, workflow, settings, tmp_path):
    settings.RELEASES_ROOT = tmp_path
    place = f"/api/workflows/{workflow.slug}/releases/"
    assert program.get(place).json() == {"results": [], "next": None}
    release = services.make_release(
        workflow=workflow, by=alice, title="Shapes", authors=["Rubin, Vera"], license="CC0-1.0"
    )
    run_exports()
    release.refresh_from_db()
    (said,) = program.get(place).json()["results"]
    assert said["files"] == release.files
    assert said["citation"] == of_release(release).sentence
