"""Lists: pages that nothing moves, parameters that mean something, answers not sent twice."""

import gzip

import pytest

from tests import make
from tests.webapp.api.programs import Program, placed
from webapp.accounts.models import Role
from webapp.predictions.models import Prediction
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db


def ids(answer) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def place(workflow, what: str = "subjects") -> str:
    return f"/api/workflows/{workflow.slug}/{what}/"


def refusal(answer, status: int = 400) -> str:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    return str(document["detail"])


def test_pages_follow_each_other_while_galaxies_come_in(program, workflow):
    known = list(workflow.subject_sets.get().subjects.values_list("pk", flat=True).order_by("pk"))
    first = program.get(place(workflow), {"limit": 2})
    assert ids(first) == known[:2]

    make.subjects(2, workflow.subject_sets.get())
    make.link_again(workflow)
    second = program.get(first.json()["next"])

    new = set(workflow.subject_sets.get().subjects.values_list("pk", flat=True)) - set(known)
    assert ids(second) == [known[2], min(new)]
    third = program.get(second.json()["next"])
    assert ids(third) == [max(new)]
    assert third.json()["next"] is None


def test_a_cursor_of_another_query_is_refused(program, workflow):
    cone = {"ra_deg": "0", "dec_deg": "0", "radius_deg": "180", "limit": 1}
    following = program.get(place(workflow), cone).json()["next"]
    cursor = following.partition("cursor=")[2]
    assert ids(program.get(following))

    for what, query in [("subjects", ""), ("predictions", ""), ("subjects", "survey=x&")]:
        sentence = refusal(program.get(f"{place(workflow, what)}?{query}cursor={cursor}"))
        assert "another query" in sentence
        assert "begin this one without it" in sentence


@pytest.mark.parametrize("cursor", ["x", "", "e30=", "WzEsMl0=", "é", "A" * 5000, "bnVsbA=="])
def test_what_is_no_cursor_is_refused(program, workflow, cursor):
    sentence = refusal(program.get(place(workflow), {"cursor": cursor}))
    assert "cursor=" in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "from 1 to 1000"),
        ("limit=1001", "from 1 to 1000"),
        ("limit=x", "'x'"),
        ("limit=1&limit=2", "given 2 times"),
        ("colour=red", "'colour' is no parameter"),
        ("ra_deg=10", "dec_deg, radius_deg"),
        ("ra_deg=abc&dec_deg=0&radius_deg=1", "ra_deg='abc' is no number"),
        ("ra_deg=361&dec_deg=0&radius_deg=1", "0 to 360"),
        ("ra_deg=1&dec_deg=-91&radius_deg=1", "-90 to 90"),
        ("ra_deg=1&dec_deg=0&radius_deg=-1", "0 to 180"),
        ("ra_deg=nan&dec_deg=0&radius_deg=1", "'nan'"),
        ("ra_deg=1e999&dec_deg=0&radius_deg=1", "no number"),
        ("survey=nothing", "no set of this campaign"),
        ("survey=%00", "no set of this campaign"),
    ],
)
def test_what_means_nothing_is_named(program, workflow, query, words):
    assert words in refusal(program.get(f"{place(workflow)}?{query}"))


def test_galaxies_in_a_cone(program, workflow):
    east, west, _ = workflow.subject_sets.get().subjects.order_by("pk")
    cone = {"ra_deg": "0.01", "dec_deg": "0", "radius_deg": "0.1"}
    assert ids(program.get(place(workflow), cone)) == [east.pk, west.pk]
    cone["radius_deg"] = "0.02"
    assert ids(program.get(place(workflow), cone)) == [east.pk]


def test_a_galaxy_has_what_its_survey_says(program, workflow):
    subject = workflow.subject_sets.get().subjects.first()
    subject.metadata = {"#secret": "1", "!z": "0.03", "mag": "17"}
    subject.save()
    (row,) = program.get(place(workflow), {"limit": 1}).json()["results"]
    assert row["metadata"] == {"secret": "1", "z": "0.03", "mag": "17"}
    assert row["survey"] == workflow.subject_sets.get().slug
    assert row["picture"].startswith("http://testserver/media/display/")


def test_an_answer_that_has_not_changed_is_not_sent_again(program, workflow):
    first = program.get(place(workflow))
    again = program.get(place(workflow), If_None_Match=first.headers["ETag"])
    assert again.status_code == 304
    assert again.content == b""
    make.subjects(1, workflow.subject_sets.get())
    make.link_again(workflow)
    assert program.get(place(workflow), If_None_Match=first.headers["ETag"]).status_code == 200


def test_answers_are_compressed_for_who_can_read_it(program, workflow):
    plain = program.get(place(workflow))
    packed = program.get(place(workflow), Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    again = program.get(
        place(workflow), Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"]
    )
    assert again.status_code == 304


def test_what_a_network_says(program, workflow):
    model = make.promoted(workflow)
    tree = model.tree.tree
    for number, subject in enumerate(workflow.subject_sets.get().subjects.order_by("pk")):
        said = {"error": "Too dark."} if number == 2 else {
            "concentrations": [1.5] * tree.n_answers, "ignorance": 0.25, "embedding": [0.0] * 128,
        }  # fmt: skip
        Prediction.objects.create(model=model, subject=subject, **said)
    answer = program.get(place(workflow, "predictions"))
    rows = answer.json()["results"]
    assert [row["error"] for row in rows] == ["", "", "Too dark."]
    assert rows[0]["concentrations"] == {tree.name(answer): 1.5 for answer in tree.answers}
    assert rows[2]["concentrations"] is None
    assert rows[0]["model"] == model.sha256
    one = program.get(place(workflow, "predictions"), {"subject": rows[1]["subject_id"]})
    assert one.json()["results"] == [rows[1]]
    named = program.get(place(workflow, "predictions"), {"model": model.sha256[:8], "limit": 2})
    assert named.json()["results"] == rows[:2]
    assert program.get(named.json()["next"]).json()["results"] == rows[2:]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("model=0000000000", "no network of this campaign"),
        ("model=zz", "no network of this campaign"),
        ("subject=x", "'x' is no id"),
        ("subject=" + "9" * 40, "is no id"),
    ],
)
def test_networks_and_galaxies_that_are_none_are_named(program, workflow, query, words):
    make.promoted(workflow)
    assert words in refusal(program.get(f"{place(workflow, 'predictions')}?{query}"))


def test_campaigns_with_their_tree_and_networks(program, workflow):
    (row,) = program.get("/api/workflows/").json()["results"]
    assert row["slug"] == workflow.slug
    whole = program.get(f"/api/workflows/{workflow.slug}/").json()
    assert whole["tree"]["questions"][0]["key"] == workflow.tree.tree.questions[0].key
    assert whole["rule"] == workflow.rule
    model = make.promoted(workflow)
    (network,) = program.get(place(workflow, "models")).json()["results"]
    assert network["sha256"] == model.sha256
    assert network["is_active"] is True


@pytest.mark.parametrize("what", ["", "models/", "subjects/", "predictions/"])
def test_a_strangers_draft_is_not_there(program, what):
    draft = make.owned(make.user("bob", Role.SCIENTIST), status=Status.DRAFT)
    sentence = refusal(program.get(f"/api/workflows/{draft.slug}/{what}"), 404)
    assert draft.slug in sentence
    live = make.owned(make.user("carol", Role.SCIENTIST))
    assert program.get(f"/api/workflows/{live.slug}/{what}").status_code == 200


def test_a_method_that_an_address_does_not_take_is_named(program, workflow):
    answer = program.post(place(workflow), {})
    assert "POST" in refusal(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_the_root_names_where_to_begin(client):
    document = client.get("/api/").json()
    assert client.get(document["openapi"]).status_code == 200
    assert client.get(document["docs"]).status_code == 200
    assert client.get(document["workflows"]).status_code == 401


def test_whatever_a_program_accepts_it_gets_json(program, workflow):
    answer = program.get(place(workflow), Accept="text/html")
    assert answer.headers["Content-Type"] == "application/json"


def test_two_programs_of_one_scientist_see_the_same(alice, workflow):
    assert ids(Program(alice).get(place(workflow))) == ids(Program(alice).get(place(workflow)))


def test_galaxies_without_a_position_are_in_no_cone(program, workflow):
    make.subjects(1, workflow.subject_sets.get())
    make.link_again(workflow)
    cone = {"ra_deg": "10", "dec_deg": "10", "radius_deg": "180"}
    assert len(ids(program.get(place(workflow), cone))) == 3
    placed(list(workflow.subject_sets.get().subjects.filter(ra_deg=None)), [(1.0, 89.9)])
    assert len(ids(program.get(place(workflow), cone))) == 4
