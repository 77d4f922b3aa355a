"""Files: asked for with the scope for it, seen by who asked, and refused with a reason."""

import pytest
from webapp.exports.models import Export

from tests import make
from tests.webapp.api.programs import Program
from webapp.accounts.models import Role
from webapp.api.models import Scope

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


def test_releases_are_listed(program, workflow):
    answer = program.get(f"/api/workflows/{workflow.slug}/releases/")
    assert answer.json() == {"results": [], "next": None}
