"""Which galaxy next."""

import collections

import pytest

from tests import make
from webapp.classifications import queries
from webapp.classifications.queries import Repeat
from webapp.consensus.models import Consensus
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db


def classify_all(identity, workflow, limit=1000):
    """Let somebody classify until they are told that an answer will not count."""
    seen: list[int] = []
    for _ in range(limit):
        pick = queries.next_subject(workflow=workflow, identity=identity)
        if pick is None or pick.repeat:
            return seen, pick
        subject = workflow.subject_sets.get().subjects.get(pk=pick.subject_id)
        make.classification(identity, workflow, subject)
        seen.append(pick.subject_id)
    raise AssertionError("it never ends")


def test_nobody_sees_a_galaxy_twice_while_others_are_unseen():
    workflow = make.workflow(n_subjects=100, rule={"format": 1, "votes": 50, "artifact": None})
    for _ in range(3):
        seen, pick = classify_all(make.visitor(), workflow)
        assert sorted(seen) == sorted(
            workflow.subject_sets.get().subjects.values_list("pk", flat=True)
        )
        assert pick.repeat == Repeat.SAW_ALL


def test_galaxies_come_at_random():
    workflow = make.workflow(n_subjects=20)
    firsts = collections.Counter(
        queries.next_subject(workflow=workflow, identity=make.visitor()).subject_id
        for _ in range(200)
    )
    assert len(firsts) > 10


def test_a_user_does_not_see_what_their_browsers_saw():
    workflow = make.workflow(n_subjects=2)
    alice = make.user()
    browser = make.visitor()
    first, second = workflow.subject_sets.get().subjects.all()
    make.classification(browser, workflow, first)
    row = make.volunteer(browser)
    row.user = alice
    row.save()

    picks = {
        queries.next_subject(workflow=workflow, identity=make.visitor(alice)).subject_id
        for _ in range(20)
    }

    assert picks == {second.pk}


def test_a_campaign_without_galaxies_has_nothing_to_show():
    assert queries.next_subject(workflow=make.workflow(), identity=make.visitor()) is None


def test_when_all_have_retired_the_campaign_is_finished():
    workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 1, "artifact": None})
    seen, pick = classify_all(make.visitor(), workflow)
    assert len(seen) == 1
    assert pick.repeat == Repeat.FINISHED


@pytest.mark.parametrize(
    ("status", "is_retired", "is_seen", "others", "expected"),
    [
        (Status.FINISHED, True, True, 1, Repeat.FINISHED),
        (Status.LIVE, True, True, 0, Repeat.FINISHED),
        (Status.LIVE, False, True, 0, Repeat.SAW_ALL),
        (Status.LIVE, True, True, 1, Repeat.RETIRED),
        (Status.LIVE, False, True, 1, Repeat.SEEN),
        (Status.LIVE, False, False, 1, None),
    ],
)
def test_the_reason_for_a_repeat_is_the_first_that_is_true(
    status, is_retired, is_seen, others, expected
):
    workflow = make.workflow(n_subjects=1 + others)
    alice = make.visitor()
    subject = workflow.subject_sets.get().subjects.order_by("pk").first()
    if is_seen:
        make.classification(alice, workflow, subject)
    if is_retired:
        Workflow.objects.filter(pk=workflow.pk).update(
            rule={"format": 1, "votes": 2, "artifact": None}
        )
        workflow.refresh_from_db()
        make.classification(make.visitor(), workflow, subject)
        assert Consensus.objects.get(subject=subject).retired_at
    Workflow.objects.filter(pk=workflow.pk).update(status=status)
    shown = make.shown_subject(alice, workflow, subject)
    handout = queries.live_handout(identity=alice, handout=shown.handout)

    assert queries.repeat_of(handout=handout, identity=alice) == expected


def test_a_handout_expires_and_is_nobody_elses(settings):
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown = make.shown(alice, workflow)
    assert queries.live_handout(identity=alice, handout=shown.handout)
    assert queries.live_handout(identity=make.visitor(), handout=shown.handout) is None
    settings.HANDOUT_EXPIRES_S = 0
    assert queries.live_handout(identity=alice, handout=shown.handout) is None
