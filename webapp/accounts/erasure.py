"""An account is deleted: who it was is gone, what was answered stays and belongs to nobody.

Answers are append-only, so that results which others have built upon stay checkable. What tied
them to a person is the volunteer's row, and that gets another number and no account.
"""

import uuid

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction

from webapp.accounts.identity import Identity
from webapp.accounts.models import User, Volunteer
from webapp.accounts.services import lock_administrators, refuse_without_administrator
from webapp.common import audit
from webapp.common.models import AuditEntry

ACTION, TARGET = "delete_account", "holder"


@transaction.atomic
def erase_account(*, user: User) -> None:
    """Delete an account, and cut its answers loose.

    Votes that are under way in this moment are stored first. What comes later, from a browser that
    had not sent it yet, belongs to that browser.

    Raises:
        LastAdministrator: nobody would be left who may change roles.
    """
    others = lock_administrators(user)
    refuse_without_administrator(user, others)
    locked = User.objects.select_for_update().get(pk=user.pk)
    rows = Volunteer.objects.filter(user=user).select_for_update().order_by("is_browser", "pk")
    loose = list(rows)
    for volunteer in loose:
        volunteer.uuid, volunteer.user, volunteer.claimed_at = uuid.uuid4(), None, None
    Volunteer.objects.bulk_update(loose, ["uuid", "user", "claimed_at"])
    end_sessions(user=user)
    holder = Identity(user=user, browser=uuid.uuid4()).holder
    audit.write_entry(actor=user, action=ACTION, target=TARGET, target_id=holder)
    locked.delete()


def is_erased(holder: uuid.UUID) -> bool:
    """Return whether this was the volunteer of an account that was deleted."""
    return AuditEntry.objects.filter(action=ACTION, target=TARGET, target_id=holder).exists()


def end_sessions(*, user: User) -> int:
    """Sign somebody out of every browser; return of how many.

    A session says only inside of it whose it is: all are read. That takes a second for some ten
    thousand, and happens rarely.
    """
    wanted = str(user.pk)
    own = [
        session.pk
        for session in Session.objects.iterator(chunk_size=1000)
        if session.get_decoded().get(SESSION_KEY) == wanted
    ]
    return Session.objects.filter(pk__in=own).delete()[0]
