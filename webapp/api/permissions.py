"""Who may ask for what: scientists and administrators, with a token whose scopes reach so far."""

from typing import Any, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from webapp.accounts.models import User
from webapp.api.models import AccessToken, Scope

SAFE = ("GET", "HEAD", "OPTIONS")


class ForScientists(BasePermission):
    """Lets scientists and administrators pass, as the pages about galaxies do."""

    message = (
        "The API is for scientists: ask an administrator of this site for the role, or use the "
        "public cone search."
    )

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """Return whether the role of whoever asks is enough."""
        return bool(getattr(request.user, "may_own_workflows", False))


class WithinScopes(BasePermission):
    """Lets a token pass whose scopes name what is asked; a session has them all."""

    message = ""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """Return whether the token may be used for this."""
        needed = Scope.READ if request.method in SAFE else Scope.EXPORT
        self.message = (
            f"This token lacks the scope {needed.value!r}: make one that has it at "
            f"/accounts/tokens/."
        )
        token = request.auth
        return not isinstance(token, AccessToken) or needed in token.scopes


def user_of(request: Request) -> User:
    """Return the person who asks, once a permission has let them pass."""
    return cast("User", request.user)
