"""Who asks: a program by its token, or a person by the session of the site."""

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webapp.accounts.models import User
from webapp.api import services
from webapp.api.models import AccessToken

WORD = b"bearer"
HOW = "Make one at /accounts/tokens/ and send it as: Authorization: Bearer tf_..."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer tf_...`; what cannot be used is refused with its reason."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return the owner of the token that comes with a request, or None without one.

        Raises:
            AuthenticationFailed: the token is unknown, revoked, expired, or its account is closed.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != WORD:
            return None
        if len(words) != 2:
            raise AuthenticationFailed(f"The Authorization header holds no single token. {HOW}")
        token = token_of(words[1].decode("latin-1"))
        services.note_use(token=token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """Return what a client without a token is told to send."""
        return 'Bearer realm="api"'


def token_of(key: str) -> AccessToken:
    """Return the token of a key.

    Raises:
        AuthenticationFailed: it cannot be used; the sentence says why.
    """
    rows = AccessToken.objects.select_related("user")
    token = rows.filter(sha256=services.hash_of(key)).first()
    if token is None:
        raise AuthenticationFailed(f"This token is not known here. {HOW}")
    if problem := _problem(token):
        raise AuthenticationFailed(f"The token {token.prefix}… {problem}. {HOW}")
    return token


def _problem(token: AccessToken) -> str:
    if token.revoked_at is not None:
        return f"was revoked on {token.revoked_at:%Y-%m-%d}"
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return f"expired on {token.expires_at:%Y-%m-%d}"
    if not token.user.is_active:
        return "belongs to an account that is closed"
    return ""
