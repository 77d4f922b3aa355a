"""Single classifications: what was said, whether it counts, and nothing of who said it."""

import pytest

from tests import make
from webapp.classifications.models import Classification, Standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def voted(workflow):
    """Bob and a visitor have answered two galaxies each."""
    bob, visitor = make.visitor(make.user("bob")), make.visitor()
    for galaxy in workflow.subject_sets.get().subjects.order_by("pk")[:2]:
        make.classification(bob, workflow, galaxy, [0])
        make.classification(visitor, workflow, galaxy, [1])
    return workflow


def place(workflow) -> str:
    return f"/api/workflows/{workflow.slug}/classifications/"


def test_classifications_come_page_by_page(program, voted):
    first = program.get(place(voted), {"limit": 3}).json()
    second = program.get(first["next"]).json()
    assert second["next"] is None
    rows = first["results"] + second["results"]
    stored = Classification.objects.order_by("pk")
    assert [row["id"] for row in rows] == [str(one.uuid) for one in stored]
    tree = voted.tree.tree
    names = [tree.name(answer) for answer in tree.answers]
    assert [row["answers"] for row in rows] == [[names[one.path[0]]] for one in stored]
    assert all(row["is_counted"] and row["state"] == "counted" for row in rows)
    assert {row["tree_sha256"] for row in rows} == {voted.tree.sha256}


def test_one_person_has_one_name_in_a_campaign_and_another_in_the_next(program, voted, alice):
    rows = program.get(place(voted)).json()["results"]
    bob, visitor, *again = (row["volunteer"] for row in rows)
    assert bob != visitor
    assert again == [bob, visitor]
    other = make.owned(alice)
    make.link(other, voted.subject_sets.get())
    identity = make.visitor_of(Classification.objects.order_by("pk")[0].volunteer)
    make.classification(identity, other, other.subject_sets.get().subjects.first())
    (row,) = program.get(place(other)).json()["results"]
    assert row["volunteer"] not in (bob, visitor)


def test_nothing_says_who_it_was(program, voted):
    content = program.get(place(voted)).content.decode()
    assert "bob" not in content
    for one in Classification.objects.select_related("volunteer__user"):
        assert str(one.volunteer.uuid) not in content


def test_what_does_not_count_says_why(program, voted):
    first, last = Classification.objects.order_by("pk")[0], Classification.objects.last()
    Standing.objects.filter(classification=first).update(state="excluded")
    Standing.objects.filter(classification=last).delete()
    rows = program.get(place(voted)).json()["results"]
    assert (rows[0]["state"], rows[0]["is_counted"]) == ("excluded", False)
    assert (rows[-1]["state"], rows[-1]["is_counted"], rows[-1]["weight"]) == (
        "repeat",
        False,
        None,
    )


def test_classifications_of_one_galaxy(program, voted):
    galaxy = voted.subject_sets.get().subjects.order_by("pk")[1]
    rows = program.get(place(voted), {"subject": galaxy.pk}).json()["results"]
    assert {row["subject_id"] for row in rows} == {galaxy.pk}
    assert len(rows) == 2
    bad = program.get(place(voted), {"subject": "x"})
    assert bad.status_code == 400
    assert "'x' is no id" in bad.json()["detail"]
