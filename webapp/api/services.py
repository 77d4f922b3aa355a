"""Making, using and revoking tokens."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from webapp.accounts.models import User
from webapp.api.models import AccessToken, Scope
from webapp.common.audit import write_entry
from webapp.common.errors import DomainError

MARK = "tf_"  # by which programs that look for leaked keys find one
SECRET_BYTES = 32
PREFIX_LENGTH = 10
MOST_TOKENS = 20  # usable ones of a person
NOTED_EVERY_S = 60


class TooManyTokens(DomainError):
    """A person has so many tokens already that nobody can keep track of them."""


@transaction.atomic
def make_token(
    *, user: User, name: str, scopes: Sequence[Scope], days: int | None = None
) -> tuple[AccessToken, str]:
    """Make a token and return it with its key, which cannot be had again.

    Args:
        days: for which it is valid; None is for ever.

    Raises:
        TooManyTokens: this person has twenty already.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if AccessToken.objects.usable().filter(user=user).count() >= MOST_TOKENS:
        raise TooManyTokens(f"You have {MOST_TOKENS} tokens. Revoke one that is not used any more.")
    key = MARK + secrets.token_urlsafe(SECRET_BYTES)
    token = AccessToken.objects.create(
        user=user,
        name=name,
        prefix=key[:PREFIX_LENGTH],
        sha256=hash_of(key),
        scopes=sorted(scopes),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    _note(token, user, "make")
    return token, key


@transaction.atomic
def revoke_token(*, token: AccessToken, by: User) -> None:
    """Let nobody use a token any more, from this moment on."""
    if AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
        _note(token, by, "revoke")


def note_use(*, token: AccessToken) -> None:
    """Remember that a token was used; at most once a minute, since every request does."""
    longer_ago = timezone.now() - timedelta(seconds=NOTED_EVERY_S)
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=longer_ago)
    if token.last_used_at is None or token.last_used_at < longer_ago:
        AccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())


def hash_of(key: str) -> str:
    """Return what is stored of a key: 256 random bits need neither salt nor a slow hash."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _note(token: AccessToken, actor: User, action: str) -> None:
    write_entry(
        actor=actor, action=action, target="token", target_id=token.pk,
        new={"name": token.name, "prefix": token.prefix, "scopes": token.scopes},
    )  # fmt: skip
