"""The table of single votes holds every answer, those that do not count too."""

import json
import re
import uuid

import pandas as pd
import pytest
from django.db import connection

from inference.formats.tree import Tree, load_built_in
from tests import make
from tests.webapp.exports.writers.tables import write
from webapp.accounts.models import Volunteer
from webapp.classifications import services
from webapp.classifications.looking import read_view
from webapp.classifications.models import Classification, Standing
from webapp.exports import snapshot, votes
from webapp.exports.columns import check, vote_columns
from webapp.exports.pseudonyms import person_of, pseudonym
from webapp.exports.writers import FORMATS

pytestmark = pytest.mark.django_db


def table_of(workflow, **options) -> pd.DataFrame:
    with snapshot.one_moment() as moment:
        parts = list(votes.rows_at(moment, workflow, **options))
        n_rows = votes.count_at(moment, workflow)
    for part in parts:
        check(part, vote_columns())
    found = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    assert len(found) == n_rows
    assert list(found) == [column.name for column in vote_columns()]
    return found


@pytest.fixture
def answered():
    """A campaign of the whole tree of Galaxy Zoo 2, with answers of many kinds."""
    tree = load_built_in("galaxy-zoo-2")
    workflow = make.workflow(n_subjects=5, tree=tree)
    paths = list(tree.paths())
    for number, galaxy in enumerate(workflow.subject_sets.get().subjects.order_by("pk")):
        for person in range(number):
            path = paths[(97 * number + 31 * person) % len(paths)]
            make.classification(make.visitor(), workflow, galaxy, path=list(path))
    return workflow


def test_a_weight_is_the_one_that_counted(answered):
    one = Standing.objects.first()
    Standing.objects.filter(pk=one.pk).update(weight=0.25)
    found = table_of(answered)
    mine = found[found.classification == str(one.classification.uuid)]
    assert set(mine.weight) == {0.25}


def test_why_a_galaxy_was_shown_is_never_lost(answered):
    model = make.model(workflow=answered)
    galaxy = answered.subject_sets.get().subjects.last()
    path = list(next(answered.tree.tree.paths()))
    make.classification(make.visitor(), answered, galaxy, path=path, stream="gain")
    last = Classification.objects.order_by("pk").last()
    with connection.cursor() as cursor:  # past the trigger: what a handout said is stored once
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE classifications_classification SET score = 0.25, model_id = %s WHERE id = %s",
            [model.pk, last.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    found = table_of(answered)
    mine = found[found.classification == str(last.uuid)].iloc[0]
    assert (mine.stream, mine.score, mine.model) == ("gain", 0.25, model.sha256[:8])
    others = found[found.classification != str(last.uuid)]
    assert set(others.stream) == {"random"}
    assert set(others.model) == {""}


def looked_at(answered, view):
    """An answer for which the page said how its picture was looked at; "" for nothing."""
    galaxy, identity = answered.subject_sets.get().subjects.last(), make.visitor()
    return services.record_classification(
        identity=identity,
        uuid=uuid.uuid4(),
        shown=make.shown_subject(identity, answered, galaxy),
        path=list(next(answered.tree.tree.paths())),
        view=read_view(view),
    )


@pytest.mark.parametrize(
    "view", ["", "{}", '{"zoom": 2.5, "invert": true}', '{"band": "\xe9", "seconds": {"\xe9": 1}}']
)
def test_how_the_picture_was_looked_at_is_there(answered, view, tmp_path):
    looked_at(answered, view)
    found = table_of(answered).picture_view.iloc[-1]
    assert (json.loads(found) if found else "") == (json.loads(view) if view else "")
    for key, one in FORMATS.items():
        columns, path = vote_columns(), tmp_path / f"votes{one.suffix}"
        with snapshot.one_moment() as moment:
            write(key, path, next(votes.rows_at(moment, answered)), columns)


@pytest.mark.parametrize("state", ["late", "test", "excluded", "undone", "cleared"])
def test_what_does_not_count_is_there_with_its_reason(answered, state):
    one = Standing.objects.first()
    Standing.objects.filter(pk=one.pk).update(state=state)
    found = table_of(answered)
    mine = found[found.classification == str(one.classification.uuid)]
    assert set(mine.reason) == {state}
    assert set(mine.counted) == {0}
    assert set(found[found.counted == 1].reason) == {""}


def test_a_second_answer_of_the_same_person_is_a_repeat():
    workflow = make.workflow(n_subjects=1)
    galaxy = workflow.subject_sets.get().subjects.get()
    identity = make.visitor()
    make.classification(identity, workflow, galaxy)
    make.classification(identity, workflow, galaxy)
    found = table_of(workflow)
    assert sorted(found.reason) == ["", "repeat"]
    assert len(set(found.volunteer)) == 1


def test_who_chose_nothing_of_several_is_there_too():
    document = json.loads(load_built_in("galaxy-zoo-decals").to_json())
    for question in document["questions"]:
        if question["kind"] == "multiple":
            question["required"] = False
    tree = Tree.parse(document)
    multiple = next(question for question in tree.questions if not question.is_single)
    some = next(path for path in tree.paths() if multiple.index in tree.asked(path))
    path = [answer for answer in some if answer not in multiple.span]
    workflow = make.workflow(n_subjects=1, tree=tree)
    galaxy = workflow.subject_sets.get().subjects.get()
    make.classification(make.visitor(), workflow, galaxy, path=path)
    found = table_of(workflow)
    assert found[found.question == multiple.key].answer.tolist() == [""]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_chunks_are_all_of_it_in_order(answered, chunk):
    assert table_of(answered, chunk=chunk).equals(table_of(answered))


def test_an_empty_campaign_has_no_rows():
    workflow = make.workflow(n_subjects=1)
    with snapshot.one_moment() as moment:
        assert list(votes.rows_at(moment, workflow)) == []
        assert votes.count_at(moment, workflow) == 0


# Pseudonyms.


def test_one_person_has_one_name_in_a_campaign_and_another_in_the_next(settings):
    person = person_of(7, "whatever")
    assert person == person_of(7, "another browser")
    names = {pseudonym(person, 1), pseudonym(person, 2), pseudonym(person_of(None, "x"), 1)}
    assert len(names) == 3
    assert all(re.fullmatch(r"v[0-9a-f]{20}", name) for name in names)
    before = pseudonym(person, 1)
    settings.PSEUDONYM_KEY = "another key"
    assert pseudonym(person, 1) != before


def test_a_claimed_browser_is_the_same_person():
    workflow = make.workflow(n_subjects=2)
    galaxies = list(workflow.subject_sets.get().subjects.all())
    alice = make.user("alice")
    make.classification(make.visitor(alice), workflow, galaxies[0])
    anonymous = make.visitor()
    make.classification(anonymous, workflow, galaxies[1])
    assert len(set(table_of(workflow).volunteer)) == 2
    Volunteer.objects.filter(uuid=anonymous.holder).update(user=alice)
    assert len(set(table_of(workflow).volunteer)) == 1
