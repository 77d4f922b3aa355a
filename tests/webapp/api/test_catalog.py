"""The catalog as JSON: rows as the dictionary has them, filters as the pages have them."""

import math
import random

import pytest

from tests import make
from tests.webapp.api import programs
from webapp.api import catalog, rows
from webapp.explore.models import Edition
from webapp.exports.columns import catalog_columns, computed
from webapp.exports.selection import Selection

pytestmark = pytest.mark.django_db


@pytest.fixture
def voted(workflow):
    """The campaign with 30 more galaxies that people have answered in different ways."""
    galaxies = make.subjects(30, workflow.subject_sets.get())
    programs.placed(galaxies, [(number * 1.0, number - 15.0) for number in range(30)])
    make.link_again(workflow)
    chance = random.Random(1)
    paths = [list(path) for path in workflow.tree.tree.paths()]
    for _ in range(3):
        visitor = make.visitor()
        for galaxy in galaxies[:20]:
            make.classification(visitor, workflow, galaxy, chance.choice(paths))
    return workflow


def place(workflow, what: str = "consensus/") -> str:
    return f"/api/workflows/{workflow.slug}/{what}"


def everything(program, address, query) -> list[dict[str, object]]:
    """All rows of all pages."""
    answer = program.get(address, query)
    found = []
    while True:
        assert answer.status_code == 200, answer.content
        found += answer.json()["results"]
        if not answer.json()["next"]:
            return found
        answer = program.get(answer.json()["next"])


def table(workflow):
    """The whole catalog as the dictionary computes it."""
    columns = catalog_columns(workflow.tree.tree)
    ids = [subject.pk for one in workflow.subject_sets.all() for subject in one.subjects.all()]
    return columns, computed(rows.evidence_of(workflow, ids), columns)


def test_rows_are_those_of_the_dictionary(program, voted):
    columns, values = table(voted)
    found = everything(program, place(voted), {"limit": 7})
    assert [row["source_id"] for row in found] == values["source_id"].tolist()
    assert list(found[0]) == [column.name for column in columns]
    for column in columns:
        for row, value in zip(found, values[column.name], strict=True):
            said = row[column.name]
            if isinstance(value, str):
                assert said == value
            elif math.isnan(value):
                assert said is None
            else:
                assert values[column.name].dtype.type(said) == value


def test_twenty_filters_find_what_a_mask_finds(program, voted, settings):
    settings.API_REQUESTS_PER_MINUTE = 10_000
    columns, values = table(voted)
    chance = random.Random(2)
    numbers = [column.name for column in columns if column.name.startswith(("frac", "post_", "n_"))]
    n_found = 0
    for _ in range(20):
        low = round(chance.uniform(0, 0.6), 3)
        query = {chance.choice(numbers): f"{low}..{low + 2}"}
        if chance.random() < 0.3:
            query["cone"] = "10,-5,12"
        mask = Selection.parse("&".join(f"{a}={b}" for a, b in query.items()), columns).mask(values)
        found = everything(program, place(voted), query | {"limit": 6, "columns": "source_id"})
        assert [row["source_id"] for row in found] == values["source_id"][mask].tolist()
        n_found += len(found)
    assert n_found > 20


def test_a_page_that_looks_at_enough_leads_on(program, voted, monkeypatch):
    monkeypatch.setattr(catalog, "AT_ONCE", 5)
    monkeypatch.setattr(catalog, "MOST_LOOKED_AT", 10)
    query = {"n_classifications": "1..", "columns": "source_id"}
    first = program.get(place(voted), query).json()
    assert 0 < len(first["results"]) < 10
    assert first["next"]
    assert len(everything(program, place(voted), query)) == 20


def test_columns_are_chosen_by_name(program, voted):
    (row,) = program.get(place(voted), {"columns": "ra, dec", "limit": 1}).json()["results"]
    assert list(row) == ["ra", "dec"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("columns=raa", "did you mean ra?"),
        ("columns=", "'' is no column"),
        ("frak_x=0..1", "is no column of this catalog"),
        ("ra=x", "'x'"),
        ("cone=1,2", "is no cone"),
        ("cone=1,2,3&cone=1,2,4", "second cone"),
        ("sort=ra", "'sort' is a page's"),
        ("limit=1&limit=2", "given 2 times"),
        ("cursor=x", "no cursor"),
    ],
)
def test_what_is_no_filter_is_named(program, workflow, query, words):
    answer = program.get(f"{place(workflow)}?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_a_cursor_of_another_filter_is_refused(program, voted):
    following = program.get(place(voted), {"limit": 1, "dec": "-90..90"}).json()["next"]
    cursor = following.partition("cursor=")[2]
    answer = program.get(f"{place(voted)}?dec=0..90&cursor={cursor}")
    assert answer.status_code == 400
    assert "another query" in answer.json()["detail"]
    assert program.get(f"{place(voted)}?dec=-90..90&limit=2&cursor={cursor}").status_code == 200


def test_one_galaxy(program, voted):
    row = everything(program, place(voted), {})[5]
    assert program.get(place(voted, f"consensus/{row['source_id']}/")).json() == row
    gone = program.get(place(voted, "consensus/999999999/"))
    assert gone.status_code == 404
    assert "999999999" in gone.json()["detail"]
    assert program.get(place(voted, f"consensus/{10**40}/")).status_code == 404


def test_every_column_is_explained(program, voted):
    said = program.get(place(voted, "columns/")).json()["columns"]
    assert [one["name"] for one in said] == [column.name for column in table(voted)[0]]
    assert all(one["description"] for one in said)


def test_what_a_survey_says_is_a_column_and_a_filter(program, voted):
    kinds = {"z": "float64", "field": "text"}
    Edition.objects.create(workflow=voted, tree=voted.tree, metadata=kinds)
    for number, subject in enumerate(voted.subject_sets.get().subjects.order_by("pk")[:3]):
        subject.metadata = {"!z": str(number / 10), "#field": f"F{number}"}
        subject.save()
    found = everything(program, place(voted), {"meta_z": "0.1..", "columns": "meta_z,meta_field"})
    assert found == [
        {"meta_field": "F1", "meta_z": 0.1},
        {"meta_field": "F2", "meta_z": 0.2},
    ]
    assert len(everything(program, place(voted), {"meta_field": "F0|F2"})) == 2
    (row,) = program.get(place(voted), {"limit": 1, "cone": "20,5,0.1"}).json()["results"]
    assert row["meta_z"] is None
    assert row["meta_field"] == ""
