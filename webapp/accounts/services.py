"""Writing users and volunteers."""

import uuid
from collections.abc import Collection, Sequence

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from webapp.accounts.identity import Identity
from webapp.accounts.models import Role, User, Volunteer
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.common.fields import columns_of


class LastAdministrator(DomainError):
    """Nobody would be left who may change roles."""


MOST_LOOKS = 5  # each further one needs a sign-in of the same person in the very moment

# KEY SHARE: a sign-in that would claim one of these rows waits until the vote has been stored.
_OWN = """
    SELECT id, uuid, user_id, is_browser, claimed_at FROM accounts_volunteer
    WHERE uuid = %(holder)s
       OR user_id = %(user)s
       OR user_id = (SELECT user_id FROM accounts_volunteer WHERE uuid = %(holder)s)
    ORDER BY is_browser, id
    FOR KEY SHARE
"""


def own_volunteers(identity: Identity) -> list[Volunteer]:
    """Return this person's rows, the one that answers first; the first vote makes it.

    Call it in the transaction that stores the vote. Of an account that was deleted since the
    request began, the browser is left.
    """
    own = _own(identity) or _make(identity) or _own(identity)
    if not own:
        return own_volunteers(Identity(user=None, browser=identity.browser))
    for _ in range(MOST_LOOKS):
        if _is_whole(own):
            break
        own = _own(identity)  # a sign-in has committed while this waited for its lock
    return own


# Whoever comes at the same moment waits here, gets nothing, and reads the row that was made. An
# account that has just been deleted gets nothing either.
_MAKE = """
    INSERT INTO accounts_volunteer (uuid, user_id, is_browser, is_simulated)
    SELECT %(holder)s, %(user)s, %(user)s::bigint IS NULL, false
    WHERE %(user)s::bigint IS NULL
       OR EXISTS (SELECT FROM accounts_user WHERE id = %(user)s FOR KEY SHARE)
    ON CONFLICT DO NOTHING
    RETURNING id, uuid, user_id, is_browser, claimed_at, true AS is_new
"""


def _make(identity: Identity) -> list[Volunteer]:
    user_id = identity.user.pk if identity.user else None
    return list(Volunteer.objects.raw(_MAKE, {"holder": identity.holder, "user": user_id}))


def _own(identity: Identity) -> list[Volunteer]:
    user_id = identity.user.pk if identity.user else None
    rows = Volunteer.objects.raw(_OWN, {"holder": identity.holder, "user": user_id})
    return sorted(rows, key=lambda row: row.uuid != identity.holder)


def _is_whole(own: Sequence[Volunteer]) -> bool:
    """Return False if a browser that was claimed meanwhile, or its new owner, is not among them.

    PostgreSQL reads a row again after waiting for its lock, but does not search again. The user's
    own row tells when the last claim was, and that claim's browser must be among the rows.
    """
    if all(row.user_id is None for row in own):
        return True
    newest = [row.claimed_at for row in own if not row.is_browser]
    claims = {row.claimed_at for row in own if row.is_browser} | {None}
    return bool(newest) and newest[0] in claims


def claim_browser(*, user: User, browser: uuid.UUID) -> list[Volunteer]:
    """Give a user the history of the browser that they sign in with; return the user's rows.

    A browser that somebody else has claimed before stays theirs. Call it in a transaction: until
    its end no vote of this user or of this browser is stored, nor another browser claimed.
    """
    mine = Identity(user=user, browser=browser)
    if not _is_there(user):
        return []
    Volunteer.objects.bulk_create(
        [
            Volunteer(uuid=mine.holder, user=user, is_browser=False),
            Volunteer(uuid=browser),
        ],
        ignore_conflicts=True,
    )
    rows = Volunteer.objects.filter(Q(user=user) | Q(uuid=browser))
    locked = list(rows.select_for_update().order_by("is_browser", "pk"))
    if any(row.uuid == browser and row.user_id is None for row in locked):
        now = timezone.now()
        rows.filter(uuid__in=[mine.holder, browser]).update(claimed_at=now)
        rows.filter(uuid=browser).update(user=user)
    return list(Volunteer.objects.filter(user=user).order_by("pk"))


def _is_there(user: User) -> bool:
    """Keep an account from being deleted until the end; return False if it has been."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_user WHERE id = %s FOR KEY SHARE", [user.pk])
        return cursor.fetchone() is not None


_SAME = f"""
    SELECT {columns_of(Volunteer)} FROM accounts_volunteer
    WHERE id = %(id)s OR user_id = (SELECT user_id FROM accounts_volunteer WHERE id = %(id)s)
    ORDER BY is_browser, id FOR UPDATE
"""  # noqa: S608 - names of columns


def lock_person(volunteer: Volunteer) -> list[Volunteer]:
    """Return all rows of this person, locked: until the end none of their votes is stored."""
    rows = list(Volunteer.objects.raw(_SAME, {"id": volunteer.pk}))
    if len(rows) == 1 and rows[0].user_id is not None:
        rows = list(Volunteer.objects.raw(_SAME, {"id": volunteer.pk}))  # claimed meanwhile
    return rows


_WAIT = "SELECT id FROM accounts_volunteer WHERE id = ANY(%s) ORDER BY is_browser, id FOR UPDATE"


def wait_for_votes(volunteer_ids: Collection[int]) -> None:
    """Let the votes of these volunteers that are under way be stored, others after this ends."""
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, [list(volunteer_ids)])


@transaction.atomic
def set_role(*, user: User, role: Role, by: User | None, reason: str = "") -> User:
    """Change what an account may do.

    Raises:
        LastAdministrator: it would leave no administrator.
    """
    others = lock_administrators(user)
    user = User.objects.get(pk=user.pk)
    if role != Role.ADMIN:
        refuse_without_administrator(user, others)
    audit.write_entry(
        actor=by, action="set_role", target="user", target_id=user.pk,
        old=user.role, new=role, reason=reason,
    )  # fmt: skip
    user.role = role
    user.is_staff = user.is_superuser = role == Role.ADMIN
    user.save(update_fields=["role", "is_staff", "is_superuser"])
    return user


def lock_administrators(user: User) -> list[User]:
    """Lock a user and all administrators; return the administrators beside this user.

    All are locked, so that two of them cannot dismiss each other at once.
    """
    rows = User.objects.filter(Q(pk=user.pk) | Q(role=Role.ADMIN, is_active=True))
    locked = rows.select_for_update(no_key=True).order_by("pk")
    return [row for row in locked if row.role == Role.ADMIN and row.pk != user.pk]


def refuse_without_administrator(user: User, others: Sequence[User]) -> None:
    """Keep somebody as an administrator if there is no other.

    Raises:
        LastAdministrator: there is no other.
    """
    if user.role == Role.ADMIN and not others:
        raise LastAdministrator(
            gettext("%(username)s is the only administrator. Make another one first.")
            % {"username": user.username}
        )
