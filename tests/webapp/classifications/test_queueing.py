"""What the queue of answers in a browser asks for: galaxies ahead, receipts, questions, tokens."""

import json
import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import make
from webapp.accounts.models import Role, Volunteer
from webapp.classifications import gold
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.shown import Shown
from webapp.dashboard.services import delete_account
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db
MOST_STATEMENTS = 12


def ahead(client: Client, workflow: Workflow):
    return client.get(f"/c/{workflow.slug}/ahead/")


def form(handout: Handout, path: str = "0") -> dict[str, str]:
    return {"uuid": str(handout.pk), "shown": Shown.of(handout).sign(), "path": path}


def handed_out(client: Client, workflow: Workflow) -> Handout:
    """Return the galaxy of a page that was opened."""
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    return Handout.objects.get(pk=re.findall(r"[0-9a-f-]{36}", place)[-1])


def store(client: Client, workflow: Workflow, fields: dict[str, str]):
    return client.post(f"/c/{workflow.slug}/queue/", fields)


# Galaxies ahead


def test_galaxies_ahead_are_new_ones_until_none_is_left(client):
    workflow = make.workflow(n_subjects=3)
    handed_out(client, workflow)
    codes = [ahead(client, workflow).status_code for _ in range(3)]
    assert codes == [200, 200, 204]
    assert len(set(Handout.objects.values_list("subject", flat=True))) == 3


def test_a_galaxy_ahead_is_kept_from_nobody_else(client):
    workflow = make.workflow(n_subjects=1)
    assert ahead(client, workflow).status_code == 200
    assert ahead(Client(), workflow).status_code == 200


def test_no_galaxy_ahead_is_one_that_was_answered(client):
    workflow = make.workflow(n_subjects=1)
    store(client, workflow, form(handed_out(client, workflow)))
    assert ahead(client, workflow).status_code == 204


@pytest.mark.parametrize("status", [Status.PAUSED, Status.FINISHED])
def test_a_campaign_that_rests_hands_out_nothing_ahead(client, status):
    workflow = make.workflow(n_subjects=2, status=status)
    assert ahead(client, workflow).status_code == 204
    assert not Handout.objects.exists()


def test_a_draft_is_ahead_of_its_owners_only(client):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice, n_subjects=2, status=Status.DRAFT)
    assert ahead(client, workflow).status_code == 404
    client.force_login(alice)
    assert ahead(client, workflow).status_code == 200


# Receipts


def test_a_receipt_names_the_classification_and_counts(client):
    workflow = make.workflow(n_subjects=2)
    handout = handed_out(client, workflow)

    receipt = store(client, workflow, form(handout))

    stored = Classification.objects.get()
    assert receipt.status_code == 200
    assert receipt.headers["Classification-Id"] == str(stored.pk)
    assert stored.uuid == handout.pk
    html = receipt.content.decode()
    assert 'data-saved="1"' in html
    assert "Saved: your answer counts." in html
    assert not Handout.objects.exists()


def test_a_replay_gets_the_same_receipt(client):
    workflow = make.workflow(n_subjects=2)
    fields = form(handed_out(client, workflow))
    receipts = [store(client, workflow, fields) for _ in range(5)]
    assert len({receipt.headers["Classification-Id"] for receipt in receipts}) == 1
    assert {receipt.status_code for receipt in receipts} == {200}
    assert Classification.objects.count() == 1


def test_what_waits_while_its_account_is_deleted_belongs_to_nobody(client):
    workflow, alice = make.workflow(n_subjects=2), make.user("alice")
    client.force_login(alice)
    waiting, hers = form(handed_out(client, workflow)), make.visitor(alice).holder
    delete_account(user=alice)

    receipts = [store(client, workflow, waiting) for _ in range(2)]

    stored = Classification.objects.get()
    assert [receipt.headers["Classification-Id"] for receipt in receipts] == [str(stored.pk)] * 2
    assert stored.standing.state == Standing.State.COUNTED
    assert stored.volunteer.user is None
    assert not Volunteer.objects.filter(uuid=hers).exists()


def test_a_receipt_tells_what_experts_say(client):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice, n_subjects=1)
    galaxy = gold.subjects_of(workflow).get()
    gold.put_gold(workflow=workflow, subject=galaxy, by=alice, path=[0], words="Look again.")
    html = store(client, workflow, form(handed_out(client, workflow), "1")).content.decode()
    assert 'id="feedback"' in html
    assert 'id="trail-note"' in html
    assert "Look again." in html


def test_a_receipt_takes_few_statements(client):
    workflow = make.workflow(n_subjects=3)
    client.force_login(make.user("alice"))
    store(client, workflow, form(handed_out(client, workflow)))
    handout = handed_out(client, workflow)
    with CaptureQueriesContext(connection) as seen:
        assert store(client, workflow, form(handout)).status_code == 200
    assert len(seen) <= MOST_STATEMENTS, [query["sql"][:60] for query in seen]


def test_what_is_wrong_with_an_answer_is_one_sentence(client):
    workflow = make.workflow(n_subjects=2)
    fields = form(handed_out(client, workflow))
    for changes in ({"path": "0-0"}, {"path": ""}, {"uuid": "x"}, {"shown": "x"}):
        refusal = store(client, workflow, fields | changes)
        assert refusal.status_code == 422, changes
        assert refusal.headers["Content-Type"].startswith("text/plain")
        assert 0 < len(refusal.content) < 400
    assert not Classification.objects.exists()


def test_an_answer_of_somebody_else_is_told_apart(client):
    workflow = make.workflow(n_subjects=2)
    fields = form(handed_out(client, workflow))
    refusal = store(Client(), workflow, fields)
    assert refusal.status_code == 409
    assert "before you signed in or out" in refusal.content.decode()
    assert not Classification.objects.exists()
    assert Handout.objects.count() == 1  # still waits for whom it was shown to


def test_what_comes_too_fast_may_come_again(client, settings):
    settings.ANSWERS_PER_MINUTE = 2
    workflow = make.workflow(n_subjects=9)
    codes = [
        store(client, workflow, form(handed_out(client, workflow))).status_code for _ in range(3)
    ]
    assert codes == [200, 200, 429]
    again = store(client, workflow, form(handed_out(client, workflow)))
    assert int(again.headers["Retry-After"]) > 0


# Questions


def test_the_questions_of_a_tree_are_for_whom_it_was_shown_to(client):
    workflow = make.workflow(n_subjects=1)
    address = f"/questions/{workflow.tree_id}/"
    assert client.get(address).status_code == 404
    handed_out(client, workflow)
    page = client.get(address)
    html = page.content.decode()
    assert page.status_code == 200
    for question in workflow.tree.tree.questions:
        assert f'data-question="{question.index}"' in html
        assert question.text in html
    assert 'data-question="end"' in html
    assert Client().get(address).status_code == 404


def test_the_questions_say_what_follows(client):
    workflow = make.workflow(n_subjects=1)
    handed_out(client, workflow)
    html = client.get(f"/questions/{workflow.tree_id}/").content.decode()
    found = re.search(r'data-tree="([^"]*)"', html)
    assert found
    told = json.loads(found[1].replace("&quot;", '"'))
    for question, known in zip(workflow.tree.tree.questions, told, strict=True):
        assert known["isSingle"] == question.is_single
        assert known["next"] == question.next
        nexts = {str(answer.index): answer.next for answer in question.answers}
        assert known["answers"] == nexts


# The token


def test_the_token_is_of_whoever_is_here(client):
    alice = make.user("alice")
    visitor = client.get("/queue/token/").json()
    assert visitor["name"] == ""
    assert uuid.UUID(visitor["holder"])
    client.force_login(alice)
    known = client.get("/queue/token/")
    assert known.json()["name"] == "alice"
    assert known.json()["holder"] != visitor["holder"]
    assert "no-store" in known.headers["Cache-Control"]
    assert not Volunteer.objects.exists()


def test_a_token_makes_an_old_page_post_again():
    workflow = make.workflow(n_subjects=1)
    strict = Client(enforce_csrf_checks=True)
    fields = form(handed_out(strict, workflow))
    address = f"/c/{workflow.slug}/queue/"
    assert strict.post(address, fields).status_code == 403
    token = strict.get("/queue/token/").json()["token"]
    answer = strict.post(address, fields, headers={"X-CSRFToken": token})
    assert answer.status_code == 200
