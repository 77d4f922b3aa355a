"""A network's word on a galaxy holds along the tree that it was said for, and along no other."""

import json

import pytest

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.classifications import following, recount
from webapp.consensus.models import Consensus
from webapp.workflows import services as workflows
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
PRIOR = [3.0, 1.0, 0.5, 0.25]


@pytest.fixture
def campaign():
    workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 10, "artifact": None})
    Consensus.objects.update(prior=PRIOR)
    return workflow


def changed(workflow: Workflow, change) -> Workflow:
    """Give a campaign the three-class tree with something changed in its first question."""
    document = json.loads(load_built_in("three-class").to_json())
    change(document["questions"][0])
    tree = make.tree_version(Tree.parse(json.dumps(document)))
    owner = make.user()
    workflows.change_tree(workflow=workflow, tree=tree, by=owner, confirmed=workflow.tree)
    return Workflow.objects.get(pk=workflow.pk)


def with_ring(question) -> None:
    question["answers"].insert(0, question["answers"][0] | {"key": "ring", "label": "Ring"})


def with_other_text(question) -> None:
    question["text"] = "What do you see?"


def test_a_galaxy_follows_another_tree_without_its_prior(campaign):
    now = changed(campaign, with_ring)
    following.follow_tree(now)
    assert Consensus.objects.get().prior is None
    assert list(recount.differences(now)) == []


def test_a_vote_is_stored_though_the_prior_is_along_an_older_tree(campaign):
    now = changed(campaign, with_ring)
    subject = campaign.subject_sets.get().subjects.get()
    make.classification(make.visitor(), now, subject, [0])
    known = Consensus.objects.get()
    assert (known.n_classifications, known.prior) == (1, None)


def test_another_wording_keeps_the_prior(campaign):
    following.follow_tree(changed(campaign, with_other_text))
    assert Consensus.objects.get().prior == PRIOR
