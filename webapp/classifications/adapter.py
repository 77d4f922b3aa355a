"""Signing up, in and out: a browser's history goes to whoever signs in, and to nobody else."""

import ipaddress
import unicodedata
from contextlib import suppress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.accounts import names, queries
from webapp.accounts.identity import browser_of, renew_browser
from webapp.accounts.models import User
from webapp.classifications import claiming

MISMATCH = gettext_lazy("This name or address and this password do not belong together.")
IPV6_PREFIX = 64  # what one customer of a network provider gets


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's adapter: the claim of a history, safe names, and limits that count accounts."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": MISMATCH,
        "username_password_mismatch": MISMATCH,
        "too_many_login_attempts": gettext_lazy(
            "Too many failed sign-ins. Wait a few minutes, or choose a new password by mail."
        ),
    }

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, claim what this browser classified, and give the browser a new id."""
        browser = browser_of(request)
        super().login(request, user)
        if browser is not None:
            claiming.claim_history(user=user, browser=browser)
        renew_browser(request)

    def logout(self, request: HttpRequest) -> None:
        """Sign out; whoever sits here next has no history."""
        super().logout(request)
        renew_browser(request)

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002
        """Return the name as it is stored; refuse one that could pass for another."""
        name = names.normalize(username)
        names.check(name)
        super().clean_username(name, shallow)
        if not shallow and queries.look_alikes(name).exists():
            raise ValidationError(
                _("“%(name)s” looks like a name that is taken. Choose another.") % {"name": name}
            )
        return name

    def clean_email(self, email: str) -> str:
        """Refuse an address that no mail can be sent to, such as one with broken characters."""
        try:
            email.rpartition("@")[2].encode("idna")
            email.encode()
        except UnicodeError:
            raise ValidationError(
                _("Mail cannot be sent to this address. Check the part behind the @.")
            ) from None
        return email

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Keep the address that an account is known by, also where it was never confirmed."""
        is_in_use = email_address.email == email_address.user.email
        return not is_in_use and bool(super().can_delete_email(email_address))

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address, unless an account of somebody else has it."""
        with suppress(IntegrityError), transaction.atomic():
            return bool(super().confirm_email(request, email_address))
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password; a name counts in the spelling under which it is stored."""
        for field in {"username", "email"} & credentials.keys():
            credentials[field] = unicodedata.normalize("NFKC", credentials[field])
        return super().authenticate(request, **credentials)  # type: ignore[no-any-return]

    def _get_login_attempts_cache_key(
        self,
        request: HttpRequest,  # noqa: ARG002
        **credentials: Any,
    ) -> str:
        """Count failed tries by account: its name and each of its addresses are one."""
        login = credentials.get("email") or credentials.get("username") or ""
        ids = queries.ids_named(login)
        return f"accounts {ids}" if ids else f"nobody {login.casefold()}"

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return a keyed hash of the address, so that the limits' counters store none."""
        try:
            address = str(super().get_client_ip(request))
        except PermissionDenied:
            address = "unknown"  # all of them share one limit
        return salted_hmac("webapp.classifications.address", _network(address)).hexdigest()


def _network(address: str) -> str:
    """Return an IPv4 address as it is, and the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
