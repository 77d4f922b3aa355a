"""Tokens: made and revoked by their owner, stored as a hash, refused with a reason."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse

from tests import make
from tests.webapp.api.programs import Program
from webapp.accounts.models import Role
from webapp.api import services
from webapp.api.models import AccessToken, Scope
from webapp.common.models import AuditEntry

pytestmark = pytest.mark.django_db
PLACE = "/api/workflows/"
KEY = re.compile(r"tf_[A-Za-z0-9_-]{43}")
NEW = {"name": "laptop", "scopes": ["read"], "days": "30"}


def make_by_page(client) -> str:
    page = client.post(reverse("api:make_token"), NEW)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    return str(KEY.findall(page.content.decode())[0])


def test_a_key_is_shown_once_and_its_hash_alone_is_stored(client, alice):
    client.force_login(alice)
    key = make_by_page(client)

    token = AccessToken.objects.get()
    assert token.sha256 == services.hash_of(key)
    assert key.startswith(token.prefix)
    assert key not in str(vars(token))
    assert key not in client.get(reverse("api:tokens")).content.decode()
    assert key not in str(AuditEntry.objects.values())
    answer = client.get(PLACE, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_the_profile_leads_scientists_to_their_tokens(client, alice):
    client.force_login(alice)
    assert reverse("api:tokens") in client.get(reverse("accounts:profile")).content.decode()
    client.force_login(make.user("bob"))
    assert reverse("api:tokens") not in client.get(reverse("accounts:profile")).content.decode()


def test_a_revoked_token_is_refused_with_the_reason(client, alice, program):
    client.force_login(alice)
    assert program.get(PLACE).status_code == 200
    gone = client.post(reverse("api:revoke_token", args=[program.token.pk]))
    assert gone.status_code == 302

    answer = program.get(PLACE)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "was revoked on" in answer.json()["detail"]
    assert "/accounts/tokens/" in answer.json()["detail"]
    actions = list(AuditEntry.objects.filter(target="token").values_list("action", flat=True))
    assert sorted(actions) == ["make", "revoke"]


def test_an_expired_token_is_refused(alice):
    _, key = services.make_token(user=alice, name="old", scopes=[Scope.READ], days=30)
    AccessToken.objects.update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    program = Program(alice)
    program.key = key
    answer = program.get(PLACE)
    assert answer.status_code == 401
    assert "expired on 2026-01-01" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Bearer tf_nonsense", "not known"),
        ("Bearer", "no single token"),
        ("Bearer a b", "no single token"),
        ("Bearer \x00", "not known"),
        ("Basic YTpi", "needs a token"),
        ("", "needs a token"),
    ],
)
def test_who_shows_no_good_token_is_told_what_to_send(client, header, words):
    answer = client.get(PLACE, headers={"Authorization": header})
    assert answer.status_code == 401
    assert words in answer.json()["detail"]
    assert "Authorization: Bearer" in answer.json()["detail"]


def test_a_closed_account_and_a_lost_role_end_what_a_token_may(alice, program):
    make.user("vera", Role.ADMIN)
    alice.role = Role.VOLUNTEER
    alice.save()
    answer = program.get(PLACE)
    assert answer.status_code == 403
    assert "for scientists" in answer.json()["detail"]
    alice.is_active = False
    alice.save()
    answer = program.get(PLACE)
    assert answer.status_code == 401
    assert "closed" in answer.json()["detail"]


def test_a_token_goes_with_its_account(alice, program):
    alice.delete()
    assert not AccessToken.objects.exists()


def test_a_session_reads_too(client, alice):
    client.force_login(alice)
    assert client.get(PLACE).status_code == 200


def test_scopes_are_kept(alice):
    writer = Program(alice, [Scope.EXPORT])
    answer = writer.get(PLACE)
    assert answer.status_code == 403
    assert "'read'" in answer.json()["detail"]


def test_nobody_revokes_a_strangers_token(client, program):
    client.force_login(make.user("mallory", Role.SCIENTIST))
    assert client.post(reverse("api:revoke_token", args=[program.token.pk])).status_code == 404
    assert program.get(PLACE).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scopes": []}, "of no use"),
        ({"scopes": ["write"]}, "not one of the available choices"),
        ({"name": ""}, "required"),
        ({"days": "-1"}, "not one of the available choices"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(client, alice, wrong, words):
    client.force_login(alice)
    page = client.post(reverse("api:make_token"), NEW | wrong)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert not AccessToken.objects.exists()


def test_twenty_tokens_are_enough(client, alice):
    client.force_login(alice)
    for _ in range(services.MOST_TOKENS):
        services.make_token(user=alice, name="one more", scopes=[Scope.READ])
    page = client.post(reverse("api:make_token"), NEW)
    assert page.status_code == 422
    assert "Revoke one" in page.content.decode()


@pytest.mark.parametrize("role", [None, Role.VOLUNTEER])
def test_who_is_no_scientist_makes_none(client, role):
    if role:
        client.force_login(make.user("bob", role))
    page = client.post(reverse("api:make_token"), NEW)
    assert page.status_code == (403 if role else 302)
    assert not AccessToken.objects.exists()


def test_use_is_noted_once_a_minute(program):
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False) as clock:
        AccessToken.objects.update(last_used_at=now)
        clock.shift(30)
        program.get(PLACE)
        assert AccessToken.objects.get().last_used_at == now
        clock.shift(40)
        program.get(PLACE)
    assert AccessToken.objects.get().last_used_at != now


def test_who_asks_too_often_waits(settings, program, alice):
    settings.API_REQUESTS_PER_MINUTE = 2
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False) as clock:
        assert [program.get(PLACE).status_code for _ in range(2)] == [200, 200]
        answer = program.get(PLACE)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert f"wait {answer.headers['Retry-After']} seconds" in answer.json()["detail"]
        assert Program(alice).get(PLACE).status_code == 200
        clock.shift(int(answer.headers["Retry-After"]) + 1)
        assert program.get(PLACE).status_code == 200


def test_strangers_are_counted_by_address(settings, client):
    settings.API_REQUESTS_PER_MINUTE = 2
    codes = [client.get(PLACE).status_code for _ in range(3)]
    assert codes == [401, 401, 429]
    assert client.get(PLACE, REMOTE_ADDR="10.0.0.7").status_code == 401
