"""The page of the streams: what each is, how many wait, and its share."""

import pytest
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    alice = make.user(role=Role.SCIENTIST)
    client.force_login(alice)
    return alice


def address(workflow) -> str:
    return reverse("dashboard:streams", args=[workflow.slug])


def test_it_says_how_many_wait_and_that_no_model_ranks(client, owner):
    workflow = make.owned(owner, n_subjects=7)
    page = client.get(address(workflow)).content.decode()
    assert page.count('<td class="num">7</td>') == 2
    assert page.count('<td class="num">0</td>') == 2
    assert "uses no model yet" in page


def test_shares_are_saved_as_percent(client, owner):
    workflow = make.owned(owner)
    sent = {"random": "20", "gain": "70.5", "ignorance": "9.5", "unusual": "0"}
    assert client.post(address(workflow), sent).status_code == 302
    workflow.refresh_from_db()
    assert workflow.mixture == {"random": 0.2, "gain": 0.705, "ignorance": 0.095}
    assert 'value="70.5"' in client.get(address(workflow)).content.decode()


@pytest.mark.parametrize(
    ("random", "words"), [("5", "Keep at least 0.1"), ("50", "sum to"), ("x", "Enter a number")]
)
def test_refused_shares_are_said_and_change_nothing(client, owner, random, words):
    workflow = make.owned(owner)
    sent = {"random": random, "gain": "95", "ignorance": "0", "unusual": "0"}
    answer = client.post(address(workflow), sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    workflow.refresh_from_db()
    assert workflow.mixture == {}


def test_others_find_nothing(client, owner):
    assert client.get(address(make.workflow())).status_code == 404
