"""Storing classifications."""

import uuid

import pytest

from tests import make
from webapp.classifications import services
from webapp.classifications.models import Classification, Standing
from webapp.consensus.models import Consensus, Queue

pytestmark = pytest.mark.django_db
State = Standing.State


def test_a_classification_is_stored_counted_and_standing():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown = make.shown(alice, workflow)

    recorded = services.record_classification(
        identity=alice, uuid=uuid.uuid4(), shown=shown, path=[0]
    )

    assert recorded.state == State.COUNTED
    tally = Consensus.objects.get(workflow=workflow, subject_id=shown.subject_id)
    assert tally.votes[0] == 1
    assert sum(tally.votes) == 1
    assert tally.n_classifications == 1


def test_submit_twice_keeps_one_vote():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown, name = make.shown(alice, workflow), uuid.uuid4()

    first, second = [
        services.record_classification(identity=alice, uuid=name, shown=shown, path=[0])
        for _ in range(2)
    ]

    assert first == second
    assert Classification.objects.count() == 1


def test_the_last_vote_retires_the_galaxy():
    workflow = make.workflow(n_subjects=1)
    for _ in range(3):
        make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())

    tally = Consensus.objects.get(workflow=workflow)
    assert tally.retired_reason == "count"
    assert not Queue.objects.filter(workflow=workflow).exists()
