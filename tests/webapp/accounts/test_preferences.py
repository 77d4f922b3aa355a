"""What somebody chooses about the classify page, with an account and without."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from tests import make
from webapp.accounts.models import User
from webapp.accounts.preferences import CONTROLS, USUAL_KEYS, Preferences

pytestmark = pytest.mark.django_db
KEYS = "/accounts/keys/"


def sent(**changes: str) -> dict[str, str]:
    """The form as it stands, with changes."""
    fields = {"shortcuts": "on", "sticky_view": "on"} | USUAL_KEYS | changes
    return {f"key-{name}": value for name, value in fields.items()}


def read(client: Client) -> dict[str, Any]:
    """What the classify page hands to its scripts."""
    workflow = make.workflow(n_subjects=1)
    html = client.get(f"/c/{workflow.slug}/classify/", follow=True).content.decode()
    found = re.search(r'<script id="preferences" type="application/json">(.*?)</script>', html)
    assert found
    return dict(json.loads(found[1]))


def test_without_a_choice_all_is_as_usual(client):
    assert read(client) == {"shortcuts": True, "sticky_view": True, "keys": USUAL_KEYS}


def test_a_users_choice_is_kept_with_the_account(client):
    client.force_login(make.user("alice"))
    answer = client.post(KEYS, sent(**{"answer-1": "q", "back": "", "next": "n"}))
    assert answer.status_code == 302

    elsewhere = Client()
    elsewhere.force_login(User.objects.get())
    keys = read(elsewhere)["keys"]
    assert keys == USUAL_KEYS | {"answer-1": "q", "back": "", "next": "n"}
    assert User.objects.get().preferences["keys"] == {"answer-1": "q", "back": "", "next": "n"}


def test_a_visitors_choice_is_kept_in_the_session_and_at_sign_in(client):
    client.post(KEYS, sent(shortcuts="", sticky_view=""))
    assert read(client)["shortcuts"] is read(client)["sticky_view"] is False
    assert read(Client())["shortcuts"] is True
    client.force_login(make.user("alice"))
    assert read(client)["shortcuts"] is False


def test_all_as_usual_again(client):
    client.force_login(make.user("alice"))
    client.post(KEYS, sent(skip="k"))
    client.post(KEYS, {"reset": "1"})
    assert read(client)["keys"] == USUAL_KEYS


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("ab", "“ab” is no key"), (" ", "is no key"), ("Tab", "“Tab” is no key"),
        ("Escape", "is no key"), ("\x07", "is no key"), ("a" * 500, "at most 20"),
        ("1", "The key 1 presses “First answer” already"),
        ("Enter", "presses “Next question” already"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_changes_nothing(client, key, why):
    client.force_login(make.user("alice"))
    answer = client.post(KEYS, sent(skip=key, invert="z"))
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert User.objects.get().preferences == {}


def test_next_and_done_may_share_a_key_and_no_others_do():
    usual = [key for _name, _words, key in CONTROLS]
    assert len(set(usual)) == len(usual) - 1


@pytest.mark.parametrize(
    "stored", [None, [], "x", {"keys": {"next": 5, "gone": "x"}, "shortcuts": "no"}]
)
def test_what_was_stored_by_another_version_is_as_usual(stored):
    assert Preferences.read(stored) == Preferences()


def test_the_way_back_is_never_elsewhere(client):
    answer = client.post(KEYS, sent() | {"next": "https://evil.example/"})
    assert answer.headers["Location"] == KEYS
    assert client.post(KEYS, sent() | {"next": "n"}).headers["Location"] == KEYS
    answer = client.post(KEYS, sent() | {"next": "/c/hubble/"})
    assert answer.headers["Location"] == "/c/hubble/"
