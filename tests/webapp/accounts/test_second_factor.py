"""A second factor beside the password: set up, used, lost; needed by administrators of a server."""

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import make
from tests.webapp.accounts.test_accounts import PASSWORD, is_signed_in, sign_in
from webapp.accounts.models import Role, User
from webapp.accounts.second_factor import SecondFactorAdapter
from webapp.accounts.security_keys import AddKeyForm
from webapp.common.models import AuditEntry

pytestmark = pytest.mark.django_db
SET_UP = "/accounts/second-factor/totp/activate/"
ASKED = "/accounts/second-factor/authenticate/"


def code_of(secret: str, at: float | None = None) -> str:
    """What an authenticator app shows (RFC 6238: SHA-1, 30 s, six digits)."""
    counter = int(time.time() if at is None else at) // 30
    digest = hmac.new(base64.b32decode(secret), counter.to_bytes(8), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place : place + 4]) & 0x7FFFFFFF) % 10**6:06d}"


def test_our_app_shows_what_the_standard_says():
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [code_of(secret, at) for at in (59, 1111111109)] == ["287082", "081804"]


def confirm(client: Client) -> None:
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def set_up(client: Client) -> str:
    """Set a second factor up, and return its secret."""
    confirm(client)
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", client.get(SET_UP).content.decode())[1]
    answer = client.post(SET_UP, {"code": code_of(secret)})
    assert answer.headers["Location"] == reverse("mfa_view_recovery_codes")
    return secret


@pytest.fixture
def alice(client) -> User:
    user = make.user("alice")
    sign_in(client)
    return user


def later():
    """A code is good once: the next one comes half a minute later."""
    return time_machine.travel(timezone.now() + timedelta(minutes=2))


class TestSettingUp:
    def test_needs_the_password_once_more(self, client, alice):
        assert client.get(SET_UP).headers["Location"].startswith("/accounts/reauthenticate/")

    def test_a_wrong_code_sets_up_nothing(self, client, alice):
        confirm(client)
        client.get(SET_UP)
        html = client.post(SET_UP, {"code": "000000"}).content.decode()
        assert "This code or key is not right." in html
        assert not Authenticator.objects.exists()

    def test_shows_a_code_that_the_policy_lets_pass(self, client, alice):
        confirm(client)
        html = client.get(SET_UP).content.decode()
        assert "<svg" in html
        assert not re.search(r"data:|<\?xml|<style|\sstyle=|<script(?![^>]*src=)", html)

    def test_the_secret_is_stored_so_that_the_database_alone_does_not_tell_it(
        self, client, alice, settings
    ):
        secret = set_up(client)
        rows = [row.data for row in Authenticator.objects.all()]
        codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
        assert len(codes) == 10
        for word in (secret, *codes):
            assert word not in str(rows)
        stored = Authenticator.objects.get(type="totp").data["secret"]
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", [settings.SECRET_KEY]
        assert SecondFactorAdapter().decrypt(stored) == secret
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(InvalidToken):
            SecondFactorAdapter().decrypt(stored)


class TestSigningIn:
    def test_takes_the_code_beside_the_password(self, client, alice):
        secret = set_up(client)
        other = Client()
        assert sign_in(other).headers["Location"] == ASKED
        assert not is_signed_in(other)
        assert (
            "This code or key is not right." in other.post(ASKED, {"code": "123"}).content.decode()
        )
        assert not is_signed_in(other)
        with later():
            assert other.post(ASKED, {"code": code_of(secret)}).status_code == 302
        assert is_signed_in(other)

    def test_a_code_is_good_once(self, client, alice):
        secret = set_up(client)
        with later():
            code = code_of(secret)
            for browser, is_good in ((Client(), True), (Client(), False)):
                sign_in(browser)
                browser.post(ASKED, {"code": code})
                assert is_signed_in(browser) is is_good

    def test_a_code_of_five_minutes_ago_is_not_right(self, client, alice):
        secret = set_up(client)
        sign_in(other := Client())
        other.post(ASKED, {"code": code_of(secret, time.time() - 300)})
        assert not is_signed_in(other)

    def test_a_recovery_code_does_too_once(self, client, alice):
        set_up(client)
        page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
        code = re.findall(r"<li>(\d{8})</li>", page)[0]
        for is_good in (True, False):
            sign_in(other := Client())
            other.post(ASKED, {"code": code})
            assert is_signed_in(other) is is_good

    def test_guesses_are_limited(self, client, alice, settings):
        set_up(client)
        settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
        sign_in(other := Client())
        html = [other.post(ASKED, {"code": f"{n:06d}"}).content.decode() for n in range(7)]
        assert ["Too many failed sign-ins" in page for page in html] == [False] * 5 + [True] * 2

    def test_without_a_second_factor_nothing_changes(self, client, alice):
        assert is_signed_in(client)


class TestSecurityKeys:
    """What a browser's key answers is seen in tests/browser/test_security_key.py."""

    ADD = "/accounts/second-factor/webauthn/add/"
    CONFIRM = "/accounts/second-factor/webauthn/reauthenticate/"
    NO_ANSWERS = ["", "null", "[]", "{}", "1", "{", "[" * 9999, '{"id": "AA", "rawId": "AA"}']
    ENCODED = st.binary(max_size=200).map(lambda some: base64.urlsafe_b64encode(some).decode())
    # The word that a registration was made, or a key used, may come with anything in it.
    ASKED_OF = st.sampled_from([b'{"type": "webauthn.create"}', b'{"type": "webauthn.get"}', b"{}"])
    ANSWERS = st.fixed_dictionaries({
        "id": st.just("AA"), "rawId": st.just("AA"), "type": st.just("public-key"),
        "clientExtensionResults": st.just({}),
        "response": st.fixed_dictionaries({
            "clientDataJSON": ASKED_OF.map(lambda some: base64.urlsafe_b64encode(some).decode()),
            "attestationObject": ENCODED, "authenticatorData": ENCODED, "signature": ENCODED,
            "userHandle": ENCODED,
        }),
    }).map(json.dumps)  # fmt: skip

    @pytest.mark.parametrize("answer", NO_ANSWERS)
    def test_what_is_no_answer_of_a_key_proves_nothing(self, client, alice, answer):
        self._see_that_it_proves_nothing(client, answer)

    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(answer=ANSWERS)
    def test_nor_does_what_only_looks_like_one(self, client, alice, answer):
        self._see_that_it_proves_nothing(client, answer)

    def _see_that_it_proves_nothing(self, client, answer):
        if not Authenticator.objects.exists():
            set_up(client)
        for place in (self.ADD, self.CONFIRM):
            confirm(client)
            client.get(place)
            page = client.post(place, {"name": "one", "credential": answer})
            assert page.status_code == 302 or "errorlist" in page.content.decode()
        other = Client()
        sign_in(other)
        assert other.post(ASKED, {"credential": answer}).status_code == 200
        assert not is_signed_in(other)
        assert not Authenticator.objects.filter(type="webauthn").exists()

    def form(self, alice, **fields) -> AddKeyForm:
        return AddKeyForm({"name": "one", "credential": "{}"} | fields, user=alice)

    @pytest.mark.parametrize(
        "answer",
        [r'{"a": "\u0000"}', r'{"a": "\ud800"}', '{"a": NaN}', '{"a": 1e999}',
         f'{{"a": "{"b" * 20_000}"}}'],
    )  # fmt: skip
    def test_what_the_database_cannot_keep_and_no_key_says_is_refused(self, alice, answer):
        form = self.form(alice, credential=answer)
        assert "not right" in str(form.errors["credential"])

    def test_a_name_is_bounded(self, alice):
        assert "name" in self.form(alice, name="n" * 61).errors

    def test_there_are_ten_at_most(self, alice):
        keys = [Authenticator(user=alice, type="webauthn", data={}) for _ in range(10)]
        Authenticator.objects.bulk_create(keys)
        assert "You have 10 security keys already" in str(self.form(alice).non_field_errors())

    def test_nobody_reaches_the_keys_of_others(self, client, alice):
        key = Authenticator.objects.create(
            user=make.user("bob"), type="webauthn", data={"name": "b"}
        )
        confirm(client)
        for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
            place = reverse(name, args=[key.pk])
            assert client.get(place).status_code == client.post(place).status_code == 404
        assert Authenticator.objects.get() == key

    def test_a_key_alone_is_the_second_factor_of_an_administrator(self, client, settings):
        settings.SECOND_FACTOR_FOR_ADMINS = True
        user = make.user("vera", Role.ADMIN)
        sign_in(client, "vera")
        assert client.get("/people/").headers["Location"] == SET_UP
        Authenticator.objects.create(user=user, type="webauthn", data={"name": "one"})
        assert client.get("/people/").status_code == 200


class TestRemoving:
    def test_takes_the_password_again_and_then_the_password_alone_signs_in(self, client, alice):
        set_up(client)
        with time_machine.travel(timezone.now() + timedelta(minutes=6)):
            place = reverse("mfa_deactivate_totp")
            assert "reauthenticate" in client.get(place).headers["Location"]
            confirm(client)
            client.post(place)
        assert not Authenticator.objects.exists()
        sign_in(other := Client())
        assert is_signed_in(other)

    def test_who_has_lost_it_is_helped_by_a_command(self, client, alice):
        set_up(client)
        call_command("reset_second_factor", "alice", reason="lost the phone")
        assert not Authenticator.objects.exists()
        entry = AuditEntry.objects.get(action="reset_second_factor")
        assert (entry.target_id, entry.reason) == (str(alice.pk), "lost the phone")
        with pytest.raises(CommandError, match="alice has no second factor"):
            call_command("reset_second_factor", "alice")
        with pytest.raises(CommandError, match="Nobody is called 'eve'"):
            call_command("reset_second_factor", "eve")


class TestAdministrators:
    @pytest.fixture
    def vera(self, client, settings) -> User:
        settings.SECOND_FACTOR_FOR_ADMINS = True
        user = make.user("vera", Role.ADMIN)
        sign_in(client, "vera")
        return user

    PAGES = ("/", "/my/", "/people/", "/manage/", "/manage/operations/", "/sets/",
             "/admin/", "/accounts/tokens/", "/api/workflows/")  # fmt: skip

    def test_are_led_to_set_it_up_before_any_page(self, client, vera):
        for page in self.PAGES:
            assert client.get(page).headers.get("Location") == SET_UP, page
        place = reverse("accounts:change_role", args=[vera.pk])
        assert client.post(place, {"role": "volunteer"}).headers["Location"] == SET_UP
        assert not AuditEntry.objects.exists()

    def test_htmx_leaves_its_page_for_it(self, client, vera):
        answer = client.get("/manage/operations/now/", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, SET_UP)

    def test_may_leave_change_the_language_and_set_it_up(self, client, vera):
        for page in ("/accounts/profile/", "/about/privacy/", "/accounts/email/"):
            assert client.get(page).status_code == 200, page
        assert client.get("/nothing/here/").status_code == 404
        EmailAddress.objects.update(verified=True)
        confirm(client)
        assert "Administrators sign in with a second factor" in client.get(SET_UP).content.decode()
        set_up(client)
        for page in self.PAGES:
            assert client.get(page).headers.get("Location") != SET_UP, page

    def test_confirm_their_address_first(self, client, vera):
        EmailAddress.objects.create(user=vera, email=vera.email, primary=True, verified=False)
        confirm(client)
        html = client.get(SET_UP, follow=True).content.decode()
        assert "Confirm your e-mail address first." in html

    def test_others_are_not_asked(self, settings):
        settings.SECOND_FACTOR_FOR_ADMINS = True
        for role in (Role.VOLUNTEER, Role.SCIENTIST):
            client = Client()
            client.force_login(make.user(f"a-{role}", role))
            assert client.get("/my/").status_code == 200
        assert Client().get("/my/").status_code == 200

    def test_the_operator_of_one_machine_may_do_without(self, client, vera, settings):
        settings.SECOND_FACTOR_FOR_ADMINS = False
        assert client.get("/people/").status_code == 200
