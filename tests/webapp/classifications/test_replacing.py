"""Changing one's last answer: only one's own, only in time, and never after others' are seen."""

import uuid
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import make
from tests.webapp.classifications.test_services import together
from webapp.classifications import claiming, recount, replacing, services
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.replacing import NotChangeable
from webapp.classifications.shown import Shown
from webapp.consensus import services as consensus
from webapp.consensus.models import Consensus, Queue
from webapp.exports import votes
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db
State = Standing.State


@pytest.fixture
def workflow(db) -> Workflow:
    return make.workflow(n_subjects=3)


def galaxy(workflow: Workflow, number: int = 0):
    return workflow.subject_sets.get().subjects.order_by("pk")[number]


def reopened(identity, uuid_) -> Shown:
    return Shown.of(replacing.reopen(identity=identity, classification=uuid_)[0])


def answer_again(identity, shown: Shown, path=(1,), name=None):
    return services.record_classification(
        identity=identity, uuid=name or uuid.uuid4(), shown=shown, path=list(path)
    )


def changed(identity, given, path=(1,)):
    return answer_again(identity, reopened(identity, given.uuid), path)


def tally(workflow: Workflow, number: int = 0) -> Consensus:
    return Consensus.objects.get(workflow=workflow, subject=galaxy(workflow, number))


def is_sound(workflow: Workflow) -> bool:
    """Whether every tally and queue is what the votes give."""
    return list(recount.differences(workflow)) == []


def test_the_new_answer_stands_and_the_old_one_is_kept(workflow):
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow), [0])

    found = changed(alice, given)

    assert found.state == State.COUNTED
    old, new = Classification.objects.order_by("pk")
    assert (new.supersedes, new.path, old.path) == (old, [1], [0])
    assert (new.stream, new.volunteer) == (old.stream, old.volunteer)
    assert Standing.objects.get().classification == new
    assert tally(workflow).votes[:2] == [0, 1]
    assert tally(workflow).n_classifications == 1
    assert is_sound(workflow)


def test_exports_hold_one_final_row(workflow):
    alice = make.visitor()
    changed(alice, make.classification(alice, workflow, galaxy(workflow), [0]))

    with connection.cursor() as cursor:
        (table,) = votes.rows_at(cast("Any", cursor), workflow)
    rows = list(zip(table["counted"], table["reason"], table["superseded"], strict=True))
    assert rows == [(0, "superseded", 1), (1, "", 0)]


def test_a_vote_that_retired_a_galaxy_can_open_it_again():
    workflow = make.workflow(n_subjects=1)
    artifact = workflow.tree.tree.artifacts[0]
    stop = {"answers": [workflow.tree.tree.name(artifact)], "votes": 1, "then": "retire"}
    rule = {"format": 1, "votes": 3, "artifact": stop}
    Workflow.objects.filter(pk=workflow.pk).update(rule=rule)
    workflow.refresh_from_db()
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow), [artifact.index])
    assert tally(workflow).retired_reason == "artifact"

    changed(alice, given, [0])

    assert tally(workflow).retired_at is None
    assert Queue.objects.filter(workflow=workflow).exists()
    assert is_sound(workflow)


def test_of_a_retired_galaxy_the_answer_changes_and_it_stays_retired(workflow):
    for _ in range(2):
        make.classification(make.visitor(), workflow, galaxy(workflow))
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow), [0])
    assert tally(workflow).retired_at

    assert changed(alice, given).state == State.COUNTED
    assert tally(workflow).retired_at
    assert tally(workflow).votes[:2] == [2, 1]
    assert is_sound(workflow)


@pytest.mark.parametrize("state", [State.LATE, State.TEST, State.EXCLUDED])
def test_what_does_not_count_counts_no_more_than_before(workflow, state):
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    Standing.objects.update(state=state)
    recount.repair_subjects(workflow, [galaxy(workflow).pk])

    assert changed(alice, given).state == state
    assert tally(workflow).n_classifications == 0
    assert is_sound(workflow)


def test_a_test_answer_that_is_changed_stays_a_test():
    workflow = make.workflow(n_subjects=1, status=Status.DRAFT)
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    Workflow.objects.update(status=Status.LIVE, launched_at=timezone.now())

    assert changed(alice, given).state == State.TEST
    assert all(Classification.objects.values_list("is_test", flat=True))


def refused(identity, given) -> str:
    """Why an answer cannot be opened again; nothing is handed out then."""
    n_before = Handout.objects.count()
    with pytest.raises(NotChangeable) as refusal:
        reopened(identity, given.uuid)
    assert Handout.objects.count() == n_before
    return str(refusal.value)


def test_only_in_time(workflow, settings):
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    with time_machine.travel(timezone.now() + timedelta(seconds=55), tick=False):
        shown = reopened(alice, given.uuid)
    with time_machine.travel(timezone.now() + timedelta(seconds=62), tick=False):
        assert "60 seconds" in refused(alice, given)
        # What was opened in time may take its time.
        assert answer_again(alice, shown).state == State.COUNTED
    settings.CHANGE_ANSWER_S = 0
    again = make.classification(alice, workflow, galaxy(workflow, 1))
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        assert "0 seconds" in refused(alice, again)


def test_only_ones_own(workflow):
    alice, bob = make.visitor(), make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    make.classification(bob, workflow, galaxy(workflow, 1))
    assert refused(bob, given) == refused(bob, make_up())


def make_up():
    """An answer that nobody gave."""

    class Given:
        uuid = uuid.uuid4()

    return Given


def test_a_page_that_was_made_for_somebody_else_changes_nothing(workflow):
    alice, bob = make.visitor(), make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    make.classification(bob, workflow, galaxy(workflow, 1))
    shown = reopened(alice, given.uuid)

    with pytest.raises(services.SomebodyElses):
        answer_again(bob, shown)
    assert Standing.objects.get(subject=galaxy(workflow)).classification.uuid == given.uuid


def test_until_the_next_done(workflow):
    alice = make.visitor()
    first = make.classification(alice, workflow, galaxy(workflow))
    shown = reopened(alice, first.uuid)
    make.classification(alice, workflow, galaxy(workflow, 1))

    assert "another galaxy since" in refused(alice, first)
    with pytest.raises(NotChangeable):
        answer_again(alice, shown)
    assert Classification.objects.count() == 2
    assert is_sound(workflow)


def test_until_others_are_seen(workflow):
    alice = make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    shown = reopened(alice, given.uuid)
    replacing.note_told(identity=alice, subject_id=galaxy(workflow).pk)

    assert "what others say" in refused(alice, given)
    with pytest.raises(NotChangeable):
        answer_again(alice, shown)
    assert Classification.objects.count() == 1


def test_never_where_experts_have_answered(workflow):
    alice = make.visitor()
    consensus.mark_gold(workflow=workflow, subject_ids=[galaxy(workflow).pk], is_gold=True)
    given = make.classification(alice, workflow, galaxy(workflow))
    assert "what others say" in refused(alice, given)


def test_a_repeat_does_not_stand_and_cannot_be_changed(workflow):
    alice = make.visitor()
    make.classification(alice, workflow, galaxy(workflow))
    again = make.classification(alice, workflow, galaxy(workflow))
    assert "does not stand" in refused(alice, again)


def test_the_same_change_twice_is_one(workflow):
    alice, name = make.visitor(), uuid.uuid4()
    shown = reopened(alice, make.classification(alice, workflow, galaxy(workflow)).uuid)
    first, second = [answer_again(alice, shown, name=name) for _ in range(2)]
    assert (first.classification_id, first.state) == (second.classification_id, second.state)
    assert Classification.objects.count() == 2
    with pytest.raises(NotChangeable):
        answer_again(alice, shown)


def test_signing_in_meanwhile_loses_nothing(workflow):
    browser, user = make.visitor(), make.user("alice")
    given = make.classification(browser, workflow, galaxy(workflow), [0])
    shown = reopened(browser, given.uuid)
    claiming.claim_history(user=user, browser=browser.browser)

    assert answer_again(make.visitor(user), shown).state == State.COUNTED
    assert tally(workflow).votes[:2] == [0, 1]
    assert is_sound(workflow)


def test_more_than_anybody_can_send_is_slowed(workflow, settings):
    settings.ANSWERS_PER_MINUTE = 2
    alice = make.visitor()
    given = changed(alice, make.classification(alice, workflow, galaxy(workflow)))
    with pytest.raises(services.TooFast):
        changed(alice, given, [2])


@pytest.mark.django_db(transaction=True)
def test_thirty_changes_at_once_make_one():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown = reopened(alice, make.classification(alice, workflow, galaxy(workflow)).uuid)

    found = together([lambda path=[n % 3]: answer_again(alice, shown, path) for n in range(30)])

    assert [isinstance(each, NotChangeable) for each in found].count(False) == 1
    assert Classification.objects.count() == 2
    assert tally(workflow).n_classifications == 1
    assert is_sound(workflow)


@pytest.mark.django_db(transaction=True)
def test_a_change_beside_other_volunteers_votes_loses_none():
    workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 100, "artifact": None})
    alice = make.visitor()
    shown = reopened(alice, make.classification(alice, workflow, galaxy(workflow)).uuid)
    crowd = [make.visitor() for _ in range(15)]
    pages = [make.shown_subject(identity, workflow, galaxy(workflow)) for identity in crowd]

    found = together(
        [
            lambda: answer_again(alice, shown),
            *(lambda i=i, p=p: answer_again(i, p, [0]) for i, p in zip(crowd, pages, strict=True)),
        ]
    )

    assert {each.state for each in found} == {State.COUNTED}
    assert tally(workflow).votes[:2] == [15, 1]
    assert is_sound(workflow)


@pytest.mark.django_db(transaction=True)
def test_a_change_while_others_are_looked_at_is_made_or_refused_whole():
    workflow = make.workflow(n_subjects=1)
    alice = make.visitor()
    shown = reopened(alice, make.classification(alice, workflow, galaxy(workflow), [0]).uuid)

    def look():
        with transaction.atomic():
            replacing.note_told(identity=alice, subject_id=galaxy(workflow).pk)

    change, _ = together([lambda: answer_again(alice, shown), look])

    assert Standing.objects.get().told_at
    is_refused = isinstance(change, NotChangeable)
    assert tally(workflow).votes[:2] == ([1, 0] if is_refused else [0, 1])
    assert is_sound(workflow)


def answered(client: Client, workflow: Workflow) -> str:
    """Answer a galaxy in a browser; return the id of what was stored."""
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    handout = Handout.objects.get(pk=place.rstrip("/").rpartition("/")[2])
    sent = {"uuid": handout.pk, "shown": Shown.of(handout).sign(), "path": "0"}
    client.post(f"/c/{workflow.slug}/submit/", sent)
    return str(handout.pk)


HTMX = {"HX-Request": "true"}


def test_the_page_opens_the_answer_again_and_forgets_the_galaxy_between(client, workflow):
    stored = answered(client, workflow)
    between = Handout.objects.get()
    place = f"/c/{workflow.slug}/change/"
    page = client.get(f"/c/{workflow.slug}/classify/{between.pk}/").content.decode()
    assert stored in page

    part = client.post(place, {"classification": stored, "instead": between.pk}, headers=HTMX)

    again = Handout.objects.get()
    assert again.supersedes == Classification.objects.get().pk
    assert part.headers["HX-Push-Url"] == f"/c/{workflow.slug}/classify/{again.pk}/?answers=0"
    sent = {"uuid": again.pk, "shown": Shown.of(again).sign(), "path": "1"}
    assert client.post(f"/c/{workflow.slug}/submit/", sent).status_code == 302
    assert tally(workflow, 0).votes[:2] != [1, 0] or tally(workflow, 1).votes[:2] != [1, 0]
    assert is_sound(workflow)


def test_a_refusal_is_one_sentence(client, workflow):
    answered(client, workflow)
    place = f"/c/{workflow.slug}/change/"
    for name in ("", "x", str(uuid.uuid4())):
        said = client.post(place, {"classification": name}, headers=HTMX)
        assert (said.status_code, said.headers["Content-Type"][:10]) == (409, "text/plain")
        plain = client.post(place, {"classification": name}, follow=True)
        assert "No answer of yours has this id" in plain.content.decode()
    assert client.get(place).status_code == 405


def test_looking_at_the_votes_of_the_galaxy_ends_it(client, workflow):
    stored = answered(client, workflow)
    subject = Classification.objects.get().subject_id
    page = client.get(reverse("explore:galaxy_in", args=[workflow.slug, subject]))
    assert page.status_code == 200

    said = client.post(f"/c/{workflow.slug}/change/", {"classification": stored}, headers=HTMX)
    assert "what others say" in said.content.decode()


def test_a_change_that_comes_too_late_says_so_and_leads_on(client, workflow):
    stored = answered(client, workflow)
    client.post(f"/c/{workflow.slug}/change/", {"classification": stored}, headers=HTMX)
    again = Handout.objects.get(supersedes__isnull=False)
    answered(client, workflow)
    sent = {"uuid": again.pk, "shown": Shown.of(again).sign(), "path": "1"}

    page = client.post(f"/c/{workflow.slug}/submit/", sent)

    assert page.status_code == 422
    html = page.content.decode()
    assert "This answer was not stored" in html
    assert "another galaxy since" in html
    assert f"/c/{workflow.slug}/classify/" in html
    assert Classification.objects.filter(supersedes__isnull=False).count() == 0
