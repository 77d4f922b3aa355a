"""Writing users and volunteers."""

import uuid

from django.db import transaction
from django.utils import timezone

from webapp.accounts.identity import Identity
from webapp.accounts.models import Role, User, Volunteer
from webapp.common import audit
from webapp.common.errors import DomainError


class LastAdministrator(DomainError):
    """Nobody would be left who may change roles."""


# KEY SHARE: a sign-in that would claim one of these rows waits until the vote has been stored.
_OWN = """
    SELECT id, uuid, user_id, is_browser FROM accounts_volunteer
    WHERE uuid = %(holder)s
       OR user_id = %(user)s
       OR user_id = (SELECT user_id FROM accounts_volunteer WHERE uuid = %(holder)s)
    ORDER BY is_browser, id
    FOR KEY SHARE
"""


def own_volunteers(identity: Identity) -> list[Volunteer]:
    """Return this person's rows, the one that answers first; the first vote makes it.

    Call it in the transaction that stores the vote.
    """
    own = _own(identity)
    if not own:
        Volunteer.objects.bulk_create(
            [Volunteer(uuid=identity.holder, user=identity.user, is_browser=not identity.user)],
            ignore_conflicts=True,
        )
        own = _own(identity)
    return own


def _own(identity: Identity) -> list[Volunteer]:
    user_id = identity.user.pk if identity.user else None
    rows = Volunteer.objects.raw(_OWN, {"holder": identity.holder, "user": user_id})
    return sorted(rows, key=lambda row: row.uuid != identity.holder)


def claim_browser(*, user: User, browser: uuid.UUID) -> list[Volunteer]:
    """Give a user the history of the browser that they sign in with; return the user's rows.

    A browser that somebody else has claimed before stays theirs. Call it in a transaction.
    """
    Volunteer.objects.bulk_create([Volunteer(uuid=browser)], ignore_conflicts=True)
    row = Volunteer.objects.select_for_update().get(uuid=browser)
    if row.user_id is None:
        row.user, row.claimed_at = user, timezone.now()
        row.save(update_fields=["user", "claimed_at"])
    return list(Volunteer.objects.filter(user=user).order_by("pk"))


@transaction.atomic
def set_role(*, user: User, role: Role, by: User | None, reason: str = "") -> User:
    """Change what an account may do.

    Raises:
        LastAdministrator: it would leave no administrator.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk)
    if user.role == Role.ADMIN and role != Role.ADMIN and not admins.exists():
        raise LastAdministrator(
            f"{user.username} is the only administrator. Make another one first."
        )
    audit.write_entry(
        actor=by, action="set_role", target="user", target_id=user.pk,
        old=user.role, new=role, reason=reason,
    )  # fmt: skip
    user.role = role
    user.is_staff = user.is_superuser = role == Role.ADMIN
    user.save(update_fields=["role", "is_staff", "is_superuser"])
    return user
