"""What somebody may do with all that is stored about them: download it, delete it, sign out."""

import base64
import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import pyarrow.parquet
import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import make
from tests.webapp.classifications.test_claim import answer, give_browser, hand_out, post
from webapp.accounts.identity import Identity
from webapp.accounts.models import Role, User, Volunteer
from webapp.classifications import recount
from webapp.classifications import services as votes_of
from webapp.classifications.models import Classification, Favorite, Handout, Passed, Standing
from webapp.common.models import AuditEntry, BackgroundWork
from webapp.dashboard import own_data, own_urls, services
from webapp.exports import services as exports
from webapp.exports import snapshot, votes
from webapp.exports.models import Export, Table
from webapp.exports.tasks import run_exports
from webapp.exports.writers import FORMATS

DATA, DELETE = "/my/account/data.json", "/my/account/delete/"
SOMEBODY = {
    "username": "zaphodias",
    "email": "president@heart-of-gold.example",
    "password1": "improbability 42",
    "consent": "on",
}
SEEN: dict[str, Any] = {
    "REMOTE_ADDR": "203.0.113.77",
    "HTTP_USER_AGENT": "Beeblebrox/7.3 (two heads)",
}
NAME = {"name": SOMEBODY["username"]}
BEFORE = f"/accounts/reauthenticate/?next={quote(DELETE, safe='')}"
CODES = {
    # of anonymous, volunteer and administrator: GET, POST
    "data": ((302, 405), (200, 405), (200, 405)),
    "delete": ((302, 302), (302, 302), (302, 302)),  # the password is asked for first
    "sign_out_everywhere": ((405, 302), (405, 302), (405, 302)),
}


def test_the_table_has_every_address():
    assert {pattern.name for pattern in own_urls.urlpatterns} == set(CODES)


@pytest.mark.django_db
@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize(("place", "role"), [(0, None), (1, Role.VOLUNTEER), (2, Role.ADMIN)])
def test_who_gets_what(name, place, role):
    for method, code in zip(("get", "post"), CODES[name][place], strict=True):
        client = Client()
        if role:
            client.force_login(make.user(f"{method}ter", role))
        found = getattr(client, method)(reverse(f"own:{name}"))
        assert found.status_code == code
    assert not AuditEntry.objects.exists()


def sign_up(client: Client) -> User:
    client.post(reverse("account_signup"), SOMEBODY)
    EmailAddress.objects.update(verified=True)
    return User.objects.get(username=SOMEBODY["username"])


def sign_in(client: Client) -> None:
    client.post(reverse("account_logout"))
    fields = {"login": SOMEBODY["username"], "password": SOMEBODY["password1"]}
    client.post(reverse("account_login"), fields)


def confirm(client: Client, password: str = SOMEBODY["password1"]) -> None:
    fields = {"password": password, "next": DELETE}
    client.post(reverse("account_reauthenticate"), fields)


def leave(client: Client, name: str = SOMEBODY["username"]):
    confirm(client)
    return client.post(DELETE, {"name": name}, follow=True)


@pytest.mark.django_db
class TestAsking:
    def test_the_page_says_what_goes_and_what_stays(self, client):
        sign_up(client)
        confirm(client)
        html = client.get(DELETE).content.decode()
        for words in ("What goes", "What stays", "Your answers", "Nobody can bring it back", DATA):
            assert words in html

    def test_another_name_deletes_nothing(self, client):
        sign_up(client)
        found = leave(client, "zaphod")
        assert found.status_code == 422
        assert "This is not “zaphodias”. Nothing was deleted" in found.content.decode()
        assert User.objects.exists()

    def test_the_name_counts_in_any_of_its_spellings(self, client):
        sign_up(client)
        leave(client, " \uff5aaphodias")  # a wide z
        assert not User.objects.exists()

    def test_the_password_is_asked_for_again(self, client):
        sign_up(client)
        assert client.get(DELETE).headers["Location"] == BEFORE
        assert client.post(DELETE, NAME).headers["Location"] == BEFORE
        confirm(client, "wrong")
        assert User.objects.exists()
        confirm(client)  # what had been asked for is done then
        assert not User.objects.exists()

    def test_a_password_of_a_while_ago_is_asked_for_again(self, client):
        sign_up(client)
        confirm(client)
        with time_machine.travel(timezone.now() + timedelta(minutes=6)):
            assert client.post(DELETE, NAME).headers["Location"] == BEFORE
        assert User.objects.exists()

    def test_the_last_administrator_stays(self, client):
        user = sign_up(client)
        User.objects.filter(pk=user.pk).update(role="admin", is_staff=True, is_superuser=True)
        found = leave(client)
        assert found.status_code == 422
        assert "is the only administrator. Make another one first." in found.content.decode()
        make.user("vera", Role.ADMIN)
        leave(client)
        assert [each.username for each in User.objects.all()] == ["vera"]

    def test_a_campaign_of_one_owner_is_named_and_left_to_the_administrators(self, client):
        user = sign_up(client)
        User.objects.filter(pk=user.pk).update(role="scientist")
        workflow = make.owned(user)
        confirm(client)
        assert workflow.name in client.get(DELETE).content.decode()
        leave(client)
        workflow.refresh_from_db()
        assert not workflow.owners.exists()

    def test_one_is_signed_out_and_told(self, client):
        sign_up(client)
        html = leave(client).content.decode()
        assert "Your account is deleted." in html
        assert client.get(reverse("accounts:profile")).status_code == 302


@pytest.mark.django_db
def test_signing_out_everywhere_ends_every_session_of_this_person_only(client):
    bob = Client()
    bob.force_login(make.user("bob"))
    sign_up(client)
    other = Client()
    sign_in(other)
    client.post(reverse("own:sign_out_everywhere"))
    profile = reverse("accounts:profile")
    assert [each.get(profile).status_code for each in (client, other, bob)] == [302, 302, 200]


def stored() -> str:
    """Everything in every table, also what is packed in base64 or bytes."""
    text = []
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert {"accounts_user", "django_session", "cache", "common_auditentry"} <= set(tables)
        for table in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            text += [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT value FROM cache")
        text += [base64.b64decode(row[0]).decode("latin-1") for row in cursor.fetchall()]
    text += [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(text).lower()


class Life:
    """Somebody who has done everything that an account can do here, and what tells of them."""

    def __init__(self) -> None:
        self.workflow = make.workflow(n_subjects=6)
        self.laptop, self.phone = Client(**SEEN), Client(**SEEN)
        give_browser(self.laptop)
        answer(self.laptop, self.workflow)
        User.objects.filter(username="vera").exists() or make.user("vera", Role.ADMIN)
        self.user = sign_up(self.laptop)
        User.objects.filter(pk=self.user.pk).update(role="scientist")
        self.user.refresh_from_db()
        self.workflow.owners.add(self.user)
        answer(self.laptop, self.workflow)
        self.secrets = {
            SOMEBODY["username"], SOMEBODY["email"], *SEEN.values(), self.user.password,
            self.laptop.session.session_key, "heart-of-gold",
        }  # fmt: skip
        self._elsewhere()
        self._as_a_scientist()

    def _elsewhere(self) -> None:
        """A second browser, with wrong passwords first."""
        give_browser(self.phone)
        answer(self.phone, self.workflow)
        login = reverse("account_login")
        for password in ("wrong", SOMEBODY["password1"]):
            self.phone.post(login, {"login": SOMEBODY["email"], "password": password})
        self.secrets.add(self.phone.session.session_key)
        self.phone.post(reverse("account_reset_password"), {"email": SOMEBODY["email"]})
        self.phone.post(reverse("account_email"), {"email": "z@beta.example", "action_add": ""})
        self.secrets.add("z@beta.example")
        galaxies = self.workflow.subject_sets.get().subjects.order_by("pk")
        for way, galaxy in zip(("skip", "report"), galaxies, strict=False):
            shown = make.shown_subject(make.visitor(self.user), self.workflow, galaxy)
            self.phone.post(f"/c/{self.workflow.slug}/{way}/", {"shown": shown.sign()})
        hand_out(self.phone, self.workflow)

    def _as_a_scientist(self) -> None:
        galaxy = self.workflow.subject_sets.get().subjects.first()
        self.laptop.post(f"/favorites/{galaxy.pk}/", {"favorite": "1"})
        made = self.laptop.post(
            reverse("api:make_token"),
            {"name": "mine", "scopes": ["read"], "days": "30"},
            follow=True,
        )
        self.key = re.search(r"tf_[\w-]{20,}", made.content.decode())[0]
        self.secrets |= {self.key, self.user.access_tokens.get().sha256}
        owners = reverse("dashboard:owners", args=[self.workflow.slug])
        self.laptop.post(owners, {"username": "vera"})
        vera = Client()
        vera.force_login(User.objects.get(username="vera"))
        vera.post(owners, {"username": SOMEBODY["username"]})
        self.laptop.post(reverse("dashboard:test_votes", args=[self.workflow.slug]))


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.mark.django_db
class TestErasure:
    def test_nothing_of_the_person_is_left_in_any_table(self, life, settings):
        settings.ACCOUNT_RATE_LIMITS = {"login_failed": "20/h/key,30/h/ip"}
        life.phone.post(reverse("account_login"), {"login": SOMEBODY["email"], "password": "x"})
        holders = [str(row.uuid) for row in Volunteer.objects.filter(user=life.user)]
        assert len(holders) == 3
        before = stored()
        for word in (SOMEBODY["username"], SOMEBODY["email"], *holders):
            assert word in before, f"{word}: the search finds nothing"

        leave(life.laptop)

        found = stored()
        for word in {*life.secrets, *holders}:
            assert word.lower() not in found.replace(str(_holder(life)), ""), word
        assert not User.objects.filter(pk=life.user.pk).exists()

    def test_every_answer_stays_and_counts_as_before(self, life):
        rows = list(Classification.objects.order_by("pk").values())
        states = list(Standing.objects.order_by("pk").values())
        leave(life.laptop)
        assert list(Classification.objects.order_by("pk").values()) == rows
        assert list(Standing.objects.order_by("pk").values()) == states
        assert list(recount.differences(life.workflow)) == []
        assert not Volunteer.objects.filter(user__isnull=False).exists()
        assert not Volunteer.objects.exclude(claimed_at=None).exists()
        assert not Handout.objects.filter(holder=_holder(life)).exists()

    def test_of_what_was_passed_over_only_nobodys_reports_stay(self, life):
        galaxy = life.workflow.subject_sets.get().subjects.first()
        bobs = Passed.objects.create(
            workflow=life.workflow, subject=galaxy, holder=uuid.uuid4(), is_report=False
        )
        theirs = Passed.objects.exclude(pk=bobs.pk)
        reported = theirs.get(is_report=True)
        assert theirs.count() == 2
        leave(life.laptop)
        left = theirs.get()
        assert (left.subject_id, left.is_report) == (reported.subject_id, True)
        assert left.holder not in {reported.holder, _holder(life)}
        assert Passed.objects.filter(pk=bobs.pk, holder=bobs.holder).exists()

    def test_every_session_and_token_is_worth_nothing(self, life):
        headers = {"Authorization": f"Bearer {life.key}"}
        codes = []
        for end in (lambda: None, lambda: leave(life.laptop)):
            end()
            codes.append(life.phone.get(reverse("accounts:profile")).status_code)
            codes.append(Client().get("/api/workflows/", headers=headers).status_code)
        assert codes == [200, 200, 302, 401]
        assert not Favorite.objects.exists()

    def test_the_log_says_that_an_account_was_deleted_and_not_whose(self, life):
        leave(life.laptop)
        entry = AuditEntry.objects.get(action="delete_account")
        assert (entry.actor_id, entry.target_id) == (life.user.pk, str(_holder(life)))
        vera = Client()
        vera.force_login(User.objects.get(username="vera"))
        page = vera.get(reverse("dashboard:history", args=[life.workflow.slug])).content.decode()
        assert f"deleted account {life.user.pk}" in page
        assert "vera" in page

    def test_somebody_new_of_that_name_is_somebody_else(self, life):
        leave(life.laptop)
        sign_up(Client())
        assert not Classification.objects.filter(volunteer__user__isnull=False).exists()

    def test_a_browser_that_comes_back_is_a_new_one(self, life):
        old = life.phone.cookies["browser"].value
        leave(life.laptop)
        thief = Client()
        thief.cookies["browser"] = old
        assert thief.get("/my/").content.decode().count('class="galaxy') == 0


def _holder(life: Life) -> uuid.UUID:
    return Identity(life.user, uuid.uuid4()).holder


@pytest.mark.django_db
class TestLateAnswers:
    def test_what_a_browser_had_not_sent_yet_belongs_to_that_browser(self, life):
        page = hand_out(life.phone, life.workflow)
        leave(life.laptop)
        give_browser(life.phone)
        assert post(life.phone, life.workflow, page).status_code == 302
        row = Classification.objects.get(uuid=page["uuid"])
        assert row.volunteer.user is None
        assert row.volunteer.uuid != _holder(life)

    def test_but_not_to_somebody_else(self, life):
        page = hand_out(life.phone, life.workflow)
        leave(life.laptop)
        bob = Client()
        bob.force_login(make.user("bob"))
        post(bob, life.workflow, page)
        assert not Classification.objects.filter(uuid=page["uuid"]).exists()

    def test_nor_what_was_shown_to_somebody_whose_account_is_there(self):
        workflow = make.workflow(n_subjects=2)
        bob = make.user("bob")
        shown = make.shown(make.visitor(bob), workflow)
        with pytest.raises(votes_of.SomebodyElses):
            votes_of.record_classification(
                identity=make.visitor(), uuid=uuid.uuid4(), shown=shown, path=[0]
            )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_answered", [True, False])
def test_a_vote_in_the_very_moment_of_the_deletion_belongs_to_nobody(has_answered):
    workflow = make.workflow(n_subjects=3)
    alice = make.user("alice")
    identity = make.visitor(alice)
    first, second = workflow.subject_sets.get().subjects.all()[:2]
    if has_answered:
        make.classification(identity, workflow, first)
    shown, failed, is_locked = make.shown_subject(identity, workflow, second), [], Event()

    def vote() -> None:
        try:
            is_locked.wait(10)
            votes_of.record_classification(
                identity=identity, uuid=uuid.uuid4(), shown=shown, path=[0]
            )
        except Exception as error:  # noqa: BLE001 - a thread's failure must be seen
            failed.append(error)
        finally:
            connection.close()

    voter = Thread(target=vote)
    voter.start()
    with transaction.atomic():
        services.delete_account(user=alice)
        is_locked.set()
        _wait_for_a_lock()
    voter.join(20)

    assert failed == []
    assert Classification.objects.count() == 1 + has_answered
    assert not Volunteer.objects.filter(user__isnull=False).exists()
    assert not Volunteer.objects.filter(uuid=identity.holder).exists()


def _wait_for_a_lock() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("The vote did not wait for the deletion.")


@pytest.mark.django_db(transaction=True)
def test_an_export_that_runs_meanwhile_is_of_one_moment():
    workflow = make.workflow(n_subjects=4)
    alice = make.user("alice")
    for galaxy in workflow.subject_sets.get().subjects.all():
        make.classification(make.visitor(alice), workflow, galaxy)
    with snapshot.one_moment() as moment:
        parts = votes.rows_at(moment, workflow, chunk=2)
        names = set(next(parts)["volunteer"])
        services.delete_account(user=alice)
        rest = list(parts)
    assert len(rest) == 1
    names |= {name for part in rest for name in part["volunteer"]}
    assert len(names) == 1
    with snapshot.one_moment() as moment:
        later = {name for part in votes.rows_at(moment, workflow) for name in part["volunteer"]}
    assert len(later) == 1
    assert not later & names


def _content(path: Path) -> bytes:
    """The bytes of a file, and the words that are compressed in it."""
    content = path.read_bytes()
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        content += f"{table.schema.metadata} {table.to_pylist()}".encode()
    return content


@pytest.mark.django_db
def test_no_exported_byte_tells_who_somebody_is(settings, tmp_path):
    settings.EXPORTS_ROOT, settings.RELEASES_ROOT = tmp_path / "exports", tmp_path / "releases"
    life = Life()
    galaxy = life.workflow.subject_sets.get().subjects.first().survey_id.partition("-")[0]
    words = {*life.secrets, *(str(row.uuid) for row in Volunteer.objects.all())}
    for table, formats in ((Table.CATALOG, FORMATS), (Table.VOTES, FORMATS), (Table.PANOPTES, "c")):
        for name in formats:
            exports.request_export(
                workflow=life.workflow, asked_by=life.user, table=table,
                format="csv" if name == "c" else name,
            )  # fmt: skip
            run_exports()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == Export.objects.filter(status="done").count() == 2 * len(FORMATS) + 1
    for path in files:
        content = _content(path)
        assert galaxy.encode() in content, f"{path.name}: the search finds nothing"
        for word in words:
            assert word.encode() not in content, f"{word} in {path.name}"


@pytest.mark.django_db
class TestData:
    def read(self, client: Client) -> dict[str, Any]:
        found: Any = client.get(DATA)
        assert found.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
        return dict(json.loads(b"".join(found.streaming_content)))

    def test_everything_is_in_it_and_no_key(self, life):
        found = self.read(life.laptop)
        assert found["account"]["email"] == SOMEBODY["email"]
        assert {row["email"] for row in found["addresses"]} >= {SOMEBODY["email"]}
        assert len(found["classifications"]) == 3
        assert found["classifications"][0]["answers"][0].keys() == {"question", "answer"}
        assert [row["name"] for row in found["tokens"]] == ["mine"]
        assert [row["is_report"] for row in found["passed_over"]] == [False, True]
        assert found["passed_over"][0]["campaign"] == life.workflow.slug
        assert len(found["volunteers"]) == 3
        assert len(found["favorites"]) == 1
        assert [row["slug"] for row in found["campaigns_owned"]] == [life.workflow.slug]
        assert {row["action"] for row in found["changes_in_the_log"]} >= {"add_owner"}
        text = json.dumps(found)
        for secret in (life.key, life.user.password, life.user.access_tokens.get().sha256):
            assert secret not in text

    def test_a_browser_has_its_own(self, client):
        workflow = make.workflow(n_subjects=3)
        answer(client, workflow)
        answer(Client(), workflow)
        found = self.read(client)
        assert found["account"] is None
        assert len(found["classifications"]) == 1
        assert client.cookies["browser"].value.split(":")[0] not in json.dumps(found)

    def test_nothing_of_anybody_else_is_in_it(self, life):
        bob = Client()
        bob.force_login(make.user("bob"))
        found = self.read(bob)
        assert found["account"]["username"] == "bob"
        assert {name for name, rows in found.items() if isinstance(rows, list) and rows} == set()

    def test_no_relation_to_a_person_is_forgotten(self):
        told = {name for section in own_data.SECTIONS.values() for name in section.relations}
        works = {f"{kind._meta.label}.requested_by" for kind in BackgroundWork.__subclasses__()}
        nobodys = {
            "accounts.User_groups.user", "accounts.User_user_permissions.user",  # never used
            "imports.ImportedVolunteer.volunteer",  # people of other projects
        }  # fmt: skip
        there = {
            f"{model._meta.label}.{field.name}"
            for model in apps.get_models(include_auto_created=True)
            for field in model._meta.get_fields()
            if getattr(field, "concrete", False) and field.related_model in (User, Volunteer)
        }
        assert there == told | works | nobodys


@pytest.mark.django_db
def test_no_mail_tells_the_address_to_anybody_else(life):
    leave(life.laptop)
    assert all(set(message.to) <= life.secrets for message in mail.outbox)
