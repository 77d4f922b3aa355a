"""Roles, and what is forgotten by itself."""

from datetime import timedelta
from threading import Thread

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from tests import make
from webapp.accounts import services
from webapp.accounts.models import Role, User
from webapp.accounts.tasks import forget_expired_sessions
from webapp.common.models import AuditEntry


@pytest.mark.django_db
class TestSetRole:
    def test_a_change_is_in_the_audit_log(self):
        vera, alice = make.user("vera", Role.ADMIN), make.user("alice")
        services.set_role(user=alice, role=Role.SCIENTIST, by=vera, reason="leads a campaign")
        alice.refresh_from_db()
        assert (alice.role, alice.is_staff, alice.may_own_workflows) == ("scientist", False, True)
        entry = AuditEntry.objects.get()
        assert (entry.actor_id, entry.old, entry.new) == (vera.pk, "volunteer", "scientist")
        assert entry.reason == "leads a campaign"

    def test_an_administrator_gets_djangos_flags_and_loses_them(self):
        make.user("vera", Role.ADMIN)
        alice = services.set_role(user=make.user("alice"), role=Role.ADMIN, by=None)
        assert (alice.is_staff, alice.is_superuser) == (True, True)
        alice = services.set_role(user=alice, role=Role.VOLUNTEER, by=None)
        assert (alice.is_staff, alice.is_superuser) == (False, False)

    def test_the_last_administrator_stays(self):
        vera, closed = make.user("vera", Role.ADMIN), make.user("old", Role.ADMIN)
        User.objects.filter(pk=closed.pk).update(is_active=False)
        with pytest.raises(services.LastAdministrator, match="Make another one first"):
            services.set_role(user=vera, role=Role.VOLUNTEER, by=vera)
        vera.refresh_from_db()
        assert vera.role == Role.ADMIN
        assert not AuditEntry.objects.exists()

    def test_the_last_administrator_may_be_made_one_again(self):
        vera = make.user("vera", Role.ADMIN)
        assert services.set_role(user=vera, role=Role.ADMIN, by=vera).role == Role.ADMIN


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_dismiss_each_other_at_once():
    both = [make.user("vera", Role.ADMIN), make.user("ada", Role.ADMIN)]
    refused = []

    def dismiss(user: User) -> None:
        try:
            services.set_role(user=user, role=Role.VOLUNTEER, by=None)
        except services.LastAdministrator:
            refused.append(user)
        finally:
            connection.close()

    threads = [Thread(target=dismiss, args=(user,)) for user in both]
    with transaction.atomic():  # both wait here, and go on at the same moment
        list(User.objects.select_for_update())
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert len(refused) == 1
    assert User.objects.filter(role=Role.ADMIN).count() == 1


@pytest.mark.django_db
class TestCommands:
    @pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.org"])
    def test_set_role_takes_a_name_or_an_address(self, name, capsys):
        make.user("alice")
        call_command("set_role", name, "admin", reason="first of all")
        assert capsys.readouterr().out == "alice is now: administrator.\n"
        assert User.objects.get().is_superuser
        assert AuditEntry.objects.get().reason == "first of all"

    def test_set_role_names_who_is_not_there(self):
        with pytest.raises(CommandError, match="No account is named 'bob'"):
            call_command("set_role", "bob", "admin")

    def test_set_role_knows_its_roles(self):
        with pytest.raises(CommandError, match="invalid choice: 'king'"):
            call_command("set_role", "bob", "king")

    def test_set_role_keeps_the_last_administrator(self):
        make.user("vera", Role.ADMIN)
        with pytest.raises(CommandError, match="only administrator"):
            call_command("set_role", "vera", "volunteer")

    def test_createsuperuser_makes_an_administrator(self, monkeypatch):
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long password")
        call_command(
            "createsuperuser",
            interactive=False,
            username="vera",
            email="vera@example.org",
            verbosity=0,
        )
        vera = get_user_model().objects.get()
        assert (vera.role, vera.is_staff, vera.is_superuser) == (Role.ADMIN, True, True)


@pytest.mark.django_db
def test_what_has_expired_is_gone():
    """Counters of guesses too, which Django's cache keeps until it is full."""
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        cache.set("old", "a counter", 3600)
        session = Session.objects.create(
            session_key="x", session_data="", expire_date=timezone.now()
        )
    cache.set("new", "a counter", 3600)
    forget_expired_sessions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cache")
        assert [key for (key,) in cursor.fetchall()] == [":1:new"]
    assert not Session.objects.filter(pk=session.pk).exists()
