"""Who is at the other end of a request: a signed browser id, or a user and all their rows."""

import uuid
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from webapp.accounts.models import User

SALT = "webapp.accounts.browser"
COOKIE_AGE_S = 2 * 365 * 86400
USERS = uuid.UUID("0f6f2d2e-57d2-4e35-9a3a-1f6c1d2b7c55")  # namespace of users' own volunteers


@dataclass(frozen=True)
class Identity:
    """Somebody who may classify.

    Attributes:
        user: the account, or None for a visitor.
        browser: the id of this browser; every visitor of the classify page has one.
    """

    user: User | None
    browser: uuid.UUID

    @property
    def holder(self) -> uuid.UUID:
        """The uuid of the volunteer who answers, known before there is a row."""
        return uuid.uuid5(USERS, str(self.user.pk)) if self.user else self.browser


def identity_of(request: HttpRequest) -> Identity:
    """Return who this is, giving the browser an id if it has none yet."""
    user = request.user if request.user.is_authenticated else None
    return Identity(user=user, browser=browser_of(request) or renew_browser(request))


def known_identity(request: HttpRequest) -> Identity | None:
    """Return who this is, or None for a browser that has never been handed a galaxy."""
    return identity_of(request) if request.user.is_authenticated or browser_of(request) else None


def browser_of(request: HttpRequest) -> uuid.UUID | None:
    """Return the id that the signed cookie carries, or None without one of ours."""
    fresh = getattr(request, "fresh_browser", None)
    if fresh is not None:
        return cast("uuid.UUID", fresh)
    try:
        value = signing.Signer(salt=SALT).unsign(
            request.COOKIES.get(settings.BROWSER_COOKIE_NAME, "")
        )
        return uuid.UUID(value)
    except (signing.BadSignature, ValueError):
        return None


def renew_browser(request: HttpRequest) -> uuid.UUID:
    """Give this browser a new id; the middleware puts it into the response."""
    request.fresh_browser = uuid.uuid4()  # type: ignore[attr-defined]
    return cast("uuid.UUID", request.fresh_browser)  # type: ignore[attr-defined]


def set_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Store a renewed browser id; without a new one, nothing is set."""
    fresh = getattr(request, "fresh_browser", None)
    if fresh is None:
        return
    response.set_cookie(
        settings.BROWSER_COOKIE_NAME,
        signing.Signer(salt=SALT).sign(str(fresh)),
        max_age=COOKIE_AGE_S,
        httponly=True,
        secure=not settings.LOCAL_MODE,
        samesite="Lax",
    )
