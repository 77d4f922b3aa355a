"""Storing classifications."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.classifications import recount, services
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.shown import NotOurs, Shown
from webapp.common.errors import NotFound
from webapp.consensus.models import Consensus, Flag, Queue
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db
State = Standing.State


def post(identity, shown, path=(0,), name=None):
    return services.record_classification(
        identity=identity, uuid=name or uuid.uuid4(), shown=shown, path=list(path)
    )


def together(actions):
    """Run every action in a thread of its own, all at once; return what each returned or raised."""

    def run(action):
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - what was raised is the result
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_a_classification_is_stored_counted_and_standing():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown = make.shown(alice, workflow)

    recorded = post(alice, shown)

    assert recorded.state == State.COUNTED
    tally = Consensus.objects.get(workflow=workflow, subject_id=shown.subject_id)
    assert (tally.votes[0], sum(tally.votes)) == (1, 1)
    assert (tally.asked, tally.n_classifications) == ([1], 1)
    stored = Classification.objects.get()
    assert (stored.stream, stored.score, stored.tree) == ("random", shown.score, workflow.tree)
    assert stored.standing.state == State.COUNTED


def test_submit_twice_keeps_one_vote():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown, name = make.shown(alice, workflow), uuid.uuid4()

    first, second = [post(alice, shown, name=name) for _ in range(2)]

    assert first.classification_id == second.classification_id
    assert first.state == second.state == State.COUNTED
    assert Classification.objects.count() == 1
    assert Consensus.objects.get().n_classifications == 1


def test_a_double_click_with_another_answer_keeps_the_first():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown, name = make.shown(alice, workflow), uuid.uuid4()
    post(alice, shown, [0], name)

    post(alice, shown, [1], name)

    assert Classification.objects.get().path == [0]


def test_the_last_vote_retires_the_galaxy_and_says_why():
    workflow = make.workflow(n_subjects=1)
    subject = workflow.subject_sets.get().subjects.get()
    last = [make.classification(make.visitor(), workflow, subject) for _ in range(3)][-1]

    tally = Consensus.objects.get(workflow=workflow)
    assert tally.retired_reason == "count"
    assert tally.retired_words == "3 of 3 classifications"
    assert tally.retired_by == last.uuid
    assert not Queue.objects.filter(workflow=workflow).exists()


def test_an_answer_after_retirement_is_stored_but_not_counted():
    workflow = make.workflow(n_subjects=1)
    subject = workflow.subject_sets.get().subjects.get()
    for _ in range(3):
        make.classification(make.visitor(), workflow, subject)

    late = make.classification(make.visitor(), workflow, subject)

    assert late.state == State.LATE
    assert Classification.objects.count() == 4
    assert Consensus.objects.get().n_classifications == 3


def test_a_second_answer_of_one_browser_is_kept_but_does_not_stand():
    workflow = make.workflow(n_subjects=1)
    subject = workflow.subject_sets.get().subjects.get()
    alice = make.visitor()
    make.classification(alice, workflow, subject, [0])

    again = make.classification(alice, workflow, subject, [1])

    assert again.state == State.REPEAT
    assert Standing.objects.count() == 1
    assert Consensus.objects.get().votes[:2] == [1, 0]


def test_answers_before_the_launch_are_tests_and_can_be_cleared():
    workflow = make.workflow(n_subjects=1, status=Status.DRAFT)
    subject = workflow.subject_sets.get().subjects.get()
    alice, owner = make.visitor(), make.user("owner")

    assert make.classification(alice, workflow, subject).state == State.TEST
    assert Consensus.objects.get().n_classifications == 0
    assert services.clear_test_votes(workflow=workflow, by=owner) == 1

    Workflow.objects.filter(pk=workflow.pk).update(status=Status.LIVE, launched_at="2026-01-01T00Z")
    workflow.refresh_from_db()
    assert make.classification(alice, workflow, subject).state == State.COUNTED
    assert Standing.objects.get().state == State.COUNTED


@pytest.mark.parametrize("path", [[], [99], [0, 1], [-1], [0, 0]])
def test_answers_that_are_no_path_are_refused_and_change_nothing(path):
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()

    with pytest.raises(services.WrongPath, match=r"(?i)question|path"):
        post(alice, make.shown(alice, workflow), path)

    assert not Classification.objects.exists()
    assert Consensus.objects.get().n_classifications == 0


def test_a_page_made_for_somebody_else_is_refused():
    workflow = make.workflow(n_subjects=1)
    shown = make.shown(make.visitor(), workflow)
    with pytest.raises(services.SomebodyElses, match="signed in or out"):
        post(make.visitor(), shown)
    assert not Classification.objects.exists()


def test_somebody_elses_uuid_is_refused():
    workflow = make.workflow(n_subjects=2)
    alice, bob, name = make.visitor(), make.visitor(), uuid.uuid4()
    post(alice, make.shown(alice, workflow), name=name)
    with pytest.raises(services.UuidTaken, match=str(name)):
        post(bob, make.shown(bob, workflow), name=name)
    assert Classification.objects.count() == 1


@pytest.mark.parametrize("field", ["workflow_id", "subject_id", "tree_id"])
def test_what_is_no_longer_there_is_said(field):
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    gone = make.shown(alice, workflow)
    object.__setattr__(gone, field, 10**9)
    with pytest.raises(NotFound, match=r"no longer here|not part of this campaign"):
        post(alice, gone)


@pytest.mark.parametrize("text", ["", "x", "a:b:c", "\0", "\ud800", "9" * 5000])
def test_a_forged_page_is_not_ours(text):
    with pytest.raises(NotOurs, match="Reload the page"):
        Shown.read(text)


def test_a_changed_page_is_not_ours():
    workflow = make.workflow(n_subjects=1)
    signed = make.shown(make.visitor(), workflow).sign()
    assert Shown.read(signed).workflow_id == workflow.pk
    with pytest.raises(NotOurs):
        Shown.read(signed[:-1] + ("A" if signed[-1] != "A" else "B"))


def test_an_answer_to_the_version_that_was_shown_counts_by_key():
    shown_tree = load_built_in("three-class")
    workflow = make.workflow(tree=shown_tree, n_subjects=1)
    alice = make.visitor()
    shown = make.shown(alice, workflow)
    document = shown_tree.to_json().replace('"spiral"', '"whirl"', 1)
    newer = Tree.parse(document)
    Workflow.objects.filter(pk=workflow.pk).update(
        tree=make.tree_version(newer), rule={"format": 1, "votes": 3, "artifact": None}
    )
    kept = shown_tree.answers[1]

    assert post(alice, shown, [kept.index]).state == State.COUNTED

    assert Classification.objects.get().tree == workflow.tree
    tally = Consensus.objects.get()
    assert tally.tree.sha256 == newer.sha256
    assert tally.votes[newer.answer(newer.name(kept)).index] == 1


def test_the_third_artifact_vote_flags_once():
    tree = load_built_in("galaxy-zoo-2")
    artifact = next(answer for answer in tree.answers if answer.is_artifact)
    rule = {
        "format": 1,
        "votes": 10,
        "artifact": {"answers": [tree.name(artifact)], "votes": 3, "then": "flag"},
    }
    workflow = make.workflow(tree=tree, n_subjects=1, rule=rule)
    subject = workflow.subject_sets.get().subjects.get()
    for n_flags in (0, 0, 1, 1):
        make.classification(make.visitor(), workflow, subject, [artifact.index])
        assert Flag.objects.count() == n_flags
    assert Consensus.objects.get().retired_at is None


def test_classifications_are_append_only():
    workflow = make.workflow(n_subjects=1)
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())
    for change in (
        lambda: Classification.objects.update(path=[1]),
        lambda: Classification.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert Classification.objects.get().path == [0]


def test_classifications_cannot_be_emptied_at_once():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL tuningfork.may_truncate = off")
        with pytest.raises(DatabaseError, match="TRUNCATE is refused"), transaction.atomic():
            cursor.execute("TRUNCATE classifications_classification CASCADE")
        cursor.execute("SET LOCAL tuningfork.may_truncate = on")
        cursor.execute("TRUNCATE classifications_classification CASCADE")


def test_handing_out_forgets_what_was_answered():
    workflow = make.workflow(n_subjects=3)
    alice = make.visitor()
    first = make.shown(alice, workflow)
    handed = services.hand_out(identity=alice, workflow=workflow, answered=first.handout)
    assert handed
    assert Handout.objects.get().pk == handed[0].pk


def test_nobody_can_forget_the_handout_of_somebody_else():
    workflow = make.workflow(n_subjects=3)
    alice, bob = make.visitor(), make.visitor()
    hers = make.shown(alice, workflow)
    services.hand_out(identity=bob, workflow=workflow, answered=hers.handout)
    assert Handout.objects.filter(pk=hers.handout).exists()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_replays_at_once_store_one():
    workflow = make.workflow(n_subjects=1)
    alice, name = make.visitor(), uuid.uuid4()
    shown = make.shown(alice, workflow)

    results = together([lambda: post(alice, shown, name=name)] * 30)

    assert {result.classification_id for result in results} == {Classification.objects.get().pk}
    assert Consensus.objects.get().n_classifications == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_last_votes_at_once_retire_once_at_the_limit():
    workflow = make.workflow(n_subjects=1)
    subject = workflow.subject_sets.get().subjects.get()
    crowd = [make.visitor() for _ in range(30)]
    pages = [make.shown_subject(identity, workflow, subject) for identity in crowd]

    results = together([lambda i=i, p=p: post(i, p) for i, p in zip(crowd, pages, strict=True)])

    states = [result.state for result in results]
    assert states.count(State.COUNTED) == 3
    assert states.count(State.LATE) == 27
    assert Consensus.objects.get().n_classifications == 3
    assert list(recount.differences(Workflow.objects.get())) == []
