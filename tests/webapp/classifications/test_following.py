"""Tallies follow their campaign to another tree, and to another rule."""

import json

import pytest

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.classifications import following
from webapp.classifications.models import Classification
from webapp.classifications.services import record_classification
from webapp.classifications.tasks import follow_trees
from webapp.consensus.models import Consensus, Queue
from webapp.consensus.tasks import judge_subjects
from webapp.workflows import services
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


def with_ring() -> Tree:
    """The three-class tree with another first answer, so that every number moves by one."""
    document = json.loads(load_built_in("three-class").to_json())
    answers = document["questions"][0]["answers"]
    answers.insert(0, answers[0] | {"key": "ring", "label": "Ring"})
    return Tree.parse(document)


def with_typo() -> Tree:
    document = json.loads(load_built_in("three-class").to_json())
    document["questions"][0]["text"] = "Which kind?"
    return Tree.parse(document)


def change_tree(workflow, tree: Tree, by) -> None:
    services.change_tree(
        workflow=workflow, tree=make.tree_version(tree), by=by, confirmed=workflow.tree
    )
    workflow.refresh_from_db()


def test_tallies_follow_by_key_and_stored_votes_stay(alice):
    workflow = make.workflow(n_subjects=2)
    first, second = workflow.subject_sets.get().subjects.order_by("pk")
    make.classification(make.visitor(), workflow, first, [0])
    make.classification(make.visitor(), workflow, second, [2])

    change_tree(workflow, with_ring(), alice)
    follow_trees()

    workflow.refresh_from_db()
    assert workflow.is_tallied
    tallies = Consensus.objects.order_by("subject_id").values_list("votes", "tree_id")
    assert list(tallies) == [
        ([0, 1, 0, 0, 0], workflow.tree_id),
        ([0, 0, 0, 1, 0], workflow.tree_id),
    ]
    paths = Classification.objects.order_by("pk").values_list("path", flat=True)
    assert list(paths) == [[0], [2]]


def test_a_page_of_the_old_tree_is_stored_and_counted_after_the_change(alice):
    workflow = make.workflow(n_subjects=1)
    visitor = make.visitor()
    shown, old = make.shown(visitor, workflow), workflow.tree

    change_tree(workflow, with_ring(), alice)
    for is_followed in (False, True):
        record_classification(
            identity=visitor if not is_followed else (other := make.visitor()),
            uuid=make.uuid.uuid4(),
            shown=shown if not is_followed else make.shown(other, workflow),
            path=[0],
        )
        follow_trees()

    assert Classification.objects.order_by("pk").first().tree == old
    assert Consensus.objects.get().votes == [1, 1, 0, 0, 0]  # a spiral of old, a ring of new


def test_a_typo_moves_the_tallies_too(alice):
    workflow = make.workflow(n_subjects=1)
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get(), [1])

    change_tree(workflow, with_typo(), alice)
    follow_trees()

    tally = Consensus.objects.get()
    assert (tally.votes, tally.tree_id) == ([0, 1, 0, 0], workflow.tree_id)


def test_a_change_meanwhile_leaves_the_tallies_waiting(alice):
    workflow = make.workflow(n_subjects=1)
    change_tree(workflow, with_ring(), alice)
    stale = Workflow.objects.get()
    change_tree(workflow, with_typo(), alice)

    following.follow_tree(stale)
    assert not Workflow.objects.get().is_tallied

    follow_trees()
    assert Workflow.objects.get().is_tallied
    assert Consensus.objects.get().tree_id == workflow.tree_id


def rule(votes: int) -> dict[str, object]:
    return {"format": 1, "votes": votes, "artifact": None}


def test_a_lower_count_retires_and_a_higher_one_reopens(alice):
    workflow = make.workflow(n_subjects=2, rule=rule(3))
    seen, unseen = workflow.subject_sets.get().subjects.order_by("pk")
    for _ in range(2):
        make.classification(make.visitor(), workflow, seen)

    services.change_rule(workflow=workflow, rule=rule(2), by=alice)
    judge_subjects()

    tally = Consensus.objects.get(subject=seen)
    assert (tally.retired_reason, tally.retired_words) == ("count", "2 of 2 classifications")
    assert Queue.objects.get(stream="random").subject == unseen
    workflow.refresh_from_db()
    assert workflow.judged_rule_version == workflow.rule_version

    services.change_rule(workflow=workflow, rule=rule(4), by=alice)
    judge_subjects()

    assert Consensus.objects.get(subject=seen).retired_at is None
    assert Queue.objects.filter(stream="random").count() == 2


def test_rule_and_tree_changed_together_judge_what_waited(alice):
    workflow = make.workflow(n_subjects=1, rule=rule(3))
    for _ in range(2):
        make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())

    change_tree(workflow, with_ring(), alice)
    services.change_rule(workflow=workflow, rule=rule(2), by=alice)
    judge_subjects()  # passes over what is along the old tree
    follow_trees()

    assert Consensus.objects.get().retired_reason == "count"
