"""A second factor beside the password: allauth's, stored encrypted; administrators need one."""

import base64
from collections.abc import Callable

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext, gettext_lazy

from webapp.accounts.access import lead_to
from webapp.accounts.models import Role, User
from webapp.common import audit

Handler = Callable[[HttpRequest], HttpResponse]
PURPOSE = b"webapp.accounts.second_factor"
# What an administrator may see before there is a second factor: how to make one, and to leave.
ALLOWED = (
    "account_", "mfa_", "accounts:about", "accounts:address", "accounts:privacy",
    "accounts:profile", "accounts:terms", "own:", "theme", "language",
)  # fmt: skip


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's adapter: a copy of the database alone gives nobody a second factor."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": gettext_lazy(
            "This code or key is not right. Type the code that is shown now, or use the key again."
        ),
        "unverified_email": gettext_lazy(
            "Confirm your e-mail address first. “Change the e-mail address” sends the mail again."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Return a secret as it is stored."""
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return a secret again; earlier keys of the site still open it."""
        return _keys().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        """Return what an authenticator app calls this site."""
        return str(settings.SITE_NAME)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return whom a security key signs in to: its host name is all that the key believes."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": str(settings.SITE_NAME)}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002
        """Return what a security key is called until its owner renames it."""
        n = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Key %(n)s") % {"n": n}

    def build_totp_svg(self, url: str) -> str:
        """Return the code to scan as an element of the page; the policy stops a data: address."""
        svg = super().build_totp_svg(url)
        return str(svg[svg.index("<svg") :])


def _keys() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return base64.urlsafe_b64encode(derived.derive(secret.encode()))


def require(get_response: Handler) -> Handler:
    """Lead an administrator without a second factor to where one is made, before anything else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not _is_missing(request) or _is_allowed(request):
            return get_response(request)
        return lead_to(request, reverse("mfa_activate_totp"))

    return middleware


def _is_missing(request: HttpRequest) -> bool:
    if not settings.SECOND_FACTOR_FOR_ADMINS or not request.user.is_authenticated:
        return False
    return request.user.role == Role.ADMIN and not is_mfa_enabled(request.user)


def _is_allowed(request: HttpRequest) -> bool:
    try:
        name = resolve(request.path_info).view_name
    except Resolver404:
        return True  # there is nothing to see
    return name.startswith(ALLOWED)


@transaction.atomic
def reset_second_factor(*, user: User, by: User | None, reason: str = "") -> bool:
    """Remove what somebody has lost; the password alone signs in then, until a new one is made.

    Returns:
        Whether there was one.
    """
    n_removed = Authenticator.objects.filter(user=user).delete()[0]
    if n_removed:
        audit.write_entry(
            actor=by, action="reset_second_factor", target="user", target_id=user.pk, reason=reason
        )
    return bool(n_removed)
