"""Signing up, in and out; passwords, addresses, and their limits."""
# ruff: noqa: RUF001 - letters that look alike are what is tested

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests import make
from webapp import settings as site
from webapp.accounts.models import User
from webapp.classifications.adapter import AccountAdapter

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"
NEW = {
    "username": "carol",
    "email": "carol@example.org",
    "password1": "spiral arms 31",
    "consent": "on",
}


def sign_up(client, **changes):
    return client.post(reverse("account_signup"), NEW | changes)


def sign_in(client, name="alice", password=PASSWORD, **more):
    return client.post(reverse("account_login"), {"login": name, "password": password}, **more)


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def html_of(answer) -> str:
    return str(answer.content.decode())


def sentence(answer) -> str:
    """What the page says is wrong."""
    html = re.sub(r"\s+", " ", answer.content.decode())
    return " ".join(re.findall(r"<ul class=\"errorlist.*?</ul>", html))


class TestSignUp:
    def test_makes_an_account_and_remembers_the_consent(self, client):
        answer = sign_up(client)
        assert answer.status_code == 302
        carol = User.objects.get(username="carol")
        assert carol.email == "carol@example.org"
        assert carol.terms_accepted_at is not None
        assert carol.role == "volunteer"
        assert is_signed_in(client)

    def test_names_the_license_of_the_votes(self, client, settings):
        html = client.get(reverse("account_signup")).content.decode()
        assert f"my votes are published under {settings.VOTES_LICENSE}" in html
        assert reverse("accounts:terms") in html

    def test_without_consent_makes_no_account(self, client):
        answer = sign_up(client, consent="")
        assert "Without your consent" in sentence(answer)
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"username": "ca\u200drol"}, "U+200D"),
            ({"username": "cаrol"}, "mixes letters"),
            ({"username": "ca\u202erol"}, "U+202E"),
            ({"username": "ca\0rol"}, "Null characters"),
            ({"username": "x" * 900_000}, "at most 150"),
            ({"email": "carol@exa\ufffdmple.org"}, "Mail cannot be sent"),
            ({"email": f"carol@{'ä' * 70}.org"}, "address"),
            ({"email": "carol\0@example.org"}, "Null characters"),
            ({"email": "carol@example.org\nBcc: all@example.org"}, "valid email"),
            ({"email": "c" * 900_000 + "@example.org"}, "at most"),
            ({"password1": "carol"}, "too short"),
            ({"password1": "1234567890"}, "too common"),
            ({"password1": "a\0" * 20}, "Null characters"),
        ],
    )
    def test_bad_input_gets_a_sentence_and_no_account(self, client, changes, words):
        answer = sign_up(client, **changes)
        assert answer.status_code == 200
        assert words in sentence(answer)
        assert not User.objects.exists()

    def test_a_very_long_password_is_no_accident(self, client):
        assert sign_up(client, password1="spiral arm " * 80_000).status_code == 302

    def test_more_than_a_form_can_hold_is_refused(self, client):
        assert sign_up(client, username="x" * 1_100_000).status_code == 400

    @pytest.mark.parametrize("name", ["alice", "ALICE", "ａｌｉｃｅ", "a1ice", "аӏісе"])
    def test_a_name_that_is_taken_or_looks_so_is_refused(self, client, name):
        make.user("alice")
        answer = sign_up(client, username=name)
        assert re.search("already exists|looks like a name that is taken", sentence(answer))
        assert User.objects.count() == 1

    def test_a_name_is_stored_in_one_spelling(self, client):
        sign_up(client, username="ｃａｒｏｌ")
        assert User.objects.get().username == "carol"

    def test_two_people_who_take_one_name_at_the_same_moment(self, client, monkeypatch):
        """The second is stored between the first one's check and insert."""

        def too_late(self, request, user, form, commit=True):  # noqa: FBT002
            User.objects.create_user("carol", "other@example.org", "x")
            return save_user(self, request, user, form, commit)

        save_user = AccountAdapter.save_user
        monkeypatch.setattr(AccountAdapter, "save_user", too_late)
        User.objects.create_user("carol-first", "first@example.org", "x")
        answer = sign_up(client)
        assert answer.status_code == 422
        assert not EmailAddress.objects.exists()

    def test_a_forged_form_is_refused(self):
        careful = Client(enforce_csrf_checks=True)
        assert sign_up(careful).status_code == 403
        assert not User.objects.exists()


class TestSignIn:
    @pytest.mark.parametrize(
        "name", ["alice", "Alice", "ａｌｉｃｅ", "alice@example.org", "ALICE@EXAMPLE.ORG"]
    )
    def test_by_name_or_address(self, client, name):
        make.user("alice")
        assert sign_in(client, name).status_code == 302
        assert is_signed_in(client)

    def test_an_unknown_account_gets_the_same_answer(self, client):
        make.user("alice")
        answers = {
            re.sub(
                r'value="[^"]*"|"x-csrftoken": "[^"]*"', "", sign_in(client, *who).content.decode()
            )
            for who in (
                ("alice", "wrong password"),
                ("nobody", "wrong password"),
                ("alice@example.org", "wrong password"),
                ("nobody@example.org", "wrong password"),
            )
        }
        assert len(answers) == 1

    def test_an_unknown_account_costs_a_hash_too(self, client, monkeypatch):
        hashed = []
        monkeypatch.setattr(User, "set_password", lambda _, raw: hashed.append(raw))
        sign_in(client, "nobody", "a guess")
        assert hashed == ["a guess"]

    def test_the_session_is_a_new_one(self, client):
        make.user("alice")
        client.get(reverse("account_login"))
        client.session["x"] = 1
        session = client.session
        session.save()
        before = session.session_key
        client.cookies["session"] = before
        sign_in(client)
        assert client.cookies["session"].value != before

    def test_a_cookie_is_worth_nothing_after_signing_out(self, client):
        make.user("alice")
        sign_in(client)
        thief = Client()
        thief.cookies["session"] = client.cookies["session"].value
        assert is_signed_in(thief)
        client.post(reverse("account_logout"))
        assert not is_signed_in(thief)

    @pytest.mark.parametrize(
        "target",
        ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x", "\0"],
    )
    def test_one_never_leaves_the_site(self, client, target):
        make.user("alice")
        answer = client.post(
            reverse("account_login"), {"login": "alice", "password": PASSWORD, "next": target}
        )
        assert answer.headers["Location"] == "/"

    def test_one_goes_on_where_one_was(self, client):
        make.user("alice")
        answer = client.post(
            reverse("account_login"),
            {"login": "alice", "password": PASSWORD, "next": "/my/?page=2"},
        )
        assert answer.headers["Location"] == "/my/?page=2"

    def test_signing_out_takes_a_post(self, client):
        make.user("alice")
        sign_in(client)
        assert client.get(reverse("account_logout")).status_code == 200
        assert is_signed_in(client)
        client.post(reverse("account_logout"))
        assert not is_signed_in(client)

    @pytest.mark.parametrize("name", ["", "\0", "x" * 900_000, "\ufffd", "alice' OR 1=1 --"])
    def test_bad_input_is_no_accident(self, client, name):
        assert sign_in(client, name).status_code == 200


class TestPassword:
    def link(self, client, address="alice@example.org") -> str:
        answer = client.post(reverse("account_reset_password"), {"email": address})
        assert answer.headers["Location"] == reverse("account_reset_password_done")
        found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
        assert found
        return found[1]

    def test_is_reset_with_a_mail_that_works_once(self, client):
        alice = make.user("alice")
        link = self.link(client)
        form = client.get(link, follow=True)
        fields = {"password1": "elliptical 87", "password2": "elliptical 87"}
        client.post(form.redirect_chain[-1][0], fields)
        alice.refresh_from_db()
        assert alice.check_password("elliptical 87")
        assert "This link is used up" in Client().get(link, follow=True).content.decode()

    def test_a_link_is_worth_nothing_after_the_address_has_changed(self, client):
        alice = make.user("alice")
        link = self.link(client)
        EmailAddress.objects.filter(user=alice).delete()
        User.objects.filter(pk=alice.pk).update(email="elsewhere@example.org")
        assert "This link is used up" in client.get(link, follow=True).content.decode()

    def test_an_unknown_address_gets_the_same_answer_and_a_mail(self, client):
        make.user("alice")
        self.link(client)
        self.link(client, "nobody@example.org")
        assert [message.to for message in mail.outbox] == [
            ["alice@example.org"],
            ["nobody@example.org"],
        ]

    @pytest.mark.parametrize(
        "address", ["a@exa\ufffdmple.org", f"a@{'ä' * 70}.org", "\0", "x" * 900_000]
    )
    def test_an_address_that_no_mail_can_reach_is_no_accident(self, client, address):
        answer = client.post(reverse("account_reset_password"), {"email": address})
        assert answer.status_code == 200
        assert sentence(answer)
        assert mail.outbox == []

    @pytest.mark.parametrize(
        "key", ["1-x", "zzzzzzzzzzzzz-x", "zzzzzzzzzzzzzzzzzzzz-x", "1-\ufffd"]
    )
    def test_a_forged_link_is_used_up(self, client, key):
        uid, _, token = key.partition("-")
        place = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        assert "This link is used up" in client.get(place, follow=True).content.decode()

    def test_in_local_mode_the_page_says_where_the_mail_is(self, client, settings):
        page = reverse("account_reset_password_done")
        settings.LOCAL_MODE, settings.EMAIL_HOST = True, ""
        assert settings.EMAIL_FILE_PATH in client.get(page).content.decode()
        settings.LOCAL_MODE = False
        assert settings.EMAIL_FILE_PATH not in client.get(page).content.decode()

    def test_a_change_needs_the_old_one_and_ends_other_sessions(self, client):
        alice, other = make.user("alice"), Client()
        sign_in(client)
        sign_in(other)
        fields = {"password1": "elliptical 87", "password2": "elliptical 87"}
        place = reverse("account_change_password")
        assert "current password" in sentence(client.post(place, fields | {"oldpassword": "wrong"}))
        client.post(place, fields | {"oldpassword": PASSWORD})
        alice.refresh_from_db()
        assert alice.check_password("elliptical 87")
        assert client.get(reverse("accounts:profile")).status_code == 200
        assert other.get(reverse("accounts:profile")).status_code == 302


class TestAddress:
    def test_changes_when_the_new_one_is_confirmed(self, client):
        alice = make.user("alice")
        sign_in(client)
        place = reverse("account_email")
        client.post(place, {"email": "new@example.org", "action_add": ""})
        found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
        assert found
        client.post(found[1])
        alice.refresh_from_db()
        assert alice.email == "new@example.org"

    def test_changes_at_once_if_the_old_one_was_never_confirmed(self, client):
        sign_up(client)
        place = reverse("account_email")
        client.post(place, {"email": "new@example.org", "action_add": ""})
        carol = User.objects.get(username="carol")
        assert carol.email == "new@example.org"
        address = EmailAddress.objects.get(user=carol)
        assert (address.email, address.primary, address.verified) == (carol.email, True, False)
        assert mail.outbox[-1].to == ["new@example.org"]

        found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
        assert found
        client.post(found[1])
        address.refresh_from_db()
        assert (address.email, address.primary, address.verified) == ("new@example.org", True, True)

    def test_of_another_account_leaves_the_unconfirmed_one(self, client):
        make.user("alice")
        sign_up(client)
        fields = {"email": "alice@example.org", "action_add": ""}
        answer = client.post(reverse("account_email"), fields, follow=True)
        assert "Another account has this address." in html_of(answer)
        carol = User.objects.get(username="carol")
        assert carol.email == EmailAddress.objects.get(user=carol).email == "carol@example.org"

    @pytest.mark.parametrize("verified", [True, False])
    def test_in_use_is_never_taken_away(self, client, verified):
        sign_up(client)
        EmailAddress.objects.update(verified=verified)
        client.post(reverse("account_email"), {"email": NEW["email"], "action_remove": ""})
        carol = User.objects.get(username="carol")
        assert carol.email == EmailAddress.objects.get(user=carol).email == "carol@example.org"

    def test_waiting_can_be_given_up_again(self, client):
        sign_up(client)
        EmailAddress.objects.update(verified=True)
        place = reverse("account_email")
        client.post(place, {"email": "new@example.org", "action_add": ""})
        assert EmailAddress.objects.count() == 2
        client.post(place, {"email": "new@example.org", "action_remove": ""})
        assert EmailAddress.objects.get().email == User.objects.get().email == "carol@example.org"

    def test_of_somebody_else_is_not_taken_over(self, client):
        """Alice never confirmed hers; Bob confirms it, or makes it primary by a forged form."""
        alice, bob = make.user("alice"), make.user("bob")
        EmailAddress.objects.create(user=bob, email="alice@example.org", verified=False)
        EmailAddress.objects.create(user=bob, email="bob@example.org", verified=False, primary=True)
        sign_in(client, "bob")
        place = reverse("account_email")
        answer = client.post(place, {"email": "alice@example.org", "action_primary": ""})
        assert answer.status_code < 500
        alice.refresh_from_db()
        bob.refresh_from_db()
        assert (alice.email, bob.email) == ("alice@example.org", "bob@example.org")

        client.post(place, {"email": "alice@example.org", "action_send": ""})
        found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
        assert found
        assert client.post(found[1]).status_code < 500
        bob.refresh_from_db()
        assert bob.email == "bob@example.org"


@pytest.fixture
def limits(settings):
    """The site's own limits, which other tests go without."""
    settings.ACCOUNT_RATE_LIMITS = site.ACCOUNT_RATE_LIMITS
    cache.clear()
    with time_machine.travel(
        datetime.fromisoformat("2026-11-22T12:00:00+00:00"), tick=False
    ) as clock:
        yield clock
    cache.clear()


@pytest.mark.usefixtures("limits")
class TestLimits:
    def test_after_five_wrong_passwords_even_the_right_one_waits(self, limits):
        make.user("alice")
        for number in range(5):
            sign_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), password="wrong")
        late = Client(REMOTE_ADDR="192.0.2.99")
        assert "Too many failed sign-ins" in sentence(sign_in(late))
        limits.shift(timedelta(minutes=6))
        assert sign_in(late).status_code == 302

    def test_a_thousand_guesses_from_a_hundred_addresses_try_twenty_an_hour(
        self, limits, monkeypatch
    ):
        make.user("alice")
        tried = set()
        monkeypatch.setattr(User, "check_password", lambda _, raw: tried.add(raw))
        names = ["alice", "ALICE", "alice@example.org", "aliſe@example.org", "ａｌｉｃｅ"]
        for number in range(200):
            name = names[number % len(names)]
            client = Client(REMOTE_ADDR=f"192.0.2.{number % 100}")
            sign_in(client, name, f"guess {number}")
            limits.shift(timedelta(seconds=17))
        assert 5 <= len(tried) <= 20

    def test_one_address_cannot_try_many_accounts(self):
        client = Client(REMOTE_ADDR="192.0.2.1")
        answers = [sign_in(client, f"user{number}", "wrong") for number in range(35)]
        assert any(a.status_code == 429 or "Too many" in sentence(a) for a in answers[-5:])

    def test_an_ipv6_network_is_one_address(self):
        for number in range(32):
            sign_in(Client(REMOTE_ADDR=f"2001:db8::{number:x}"), f"user{number}", "wrong")
        last = sign_in(Client(REMOTE_ADDR="2001:db8::ffff"), "somebody", "wrong")
        assert last.status_code == 429 or "Too many" in sentence(last)

    def test_resets_of_one_address_are_limited(self):
        place = reverse("account_reset_password")
        answers = [
            Client(REMOTE_ADDR=f"192.0.2.{n}").post(place, {"email": "a@example.org"}).status_code
            for n in range(7)
        ]
        assert answers[-1] == 429
        assert len(mail.outbox) == 5

    @pytest.mark.parametrize(("n_proxies", "is_believed"), [(0, False), (1, True)])
    def test_a_forwarded_address_is_believed_only_from_the_proxy(
        self, settings, n_proxies, is_believed
    ):
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = n_proxies
        for number in range(32):
            told = f"198.51.100.7, 203.0.113.{number}"  # the client made up the first part
            client = Client(REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": told})
            last = sign_in(client, f"user{number}", "wrong")
        is_limited = last.status_code == 429 or "Too many" in sentence(last)
        assert is_limited is not is_believed

    @pytest.mark.parametrize("told", ["", "x", "1.2.3.4.5", ", ,", "[::1", "a" * 8000])
    def test_a_broken_forwarded_address_is_no_accident(self, settings, told):
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        assert sign_in(Client(headers={"X-Forwarded-For": told}), "nobody").status_code == 200

    def test_no_internet_address_is_stored(self):
        make.user("alice")
        client = Client(REMOTE_ADDR="203.0.113.77")
        sign_up(client)
        sign_in(Client(REMOTE_ADDR="203.0.113.77"), password="wrong")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE '%%login_failed%%'")
            assert cursor.fetchone() != (0,)
            cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE '%%203.0.113%%'")
            assert cursor.fetchone() == (0,)
