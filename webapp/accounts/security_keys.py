"""What a security key (WebAuthn) answered, and what may be kept of it: allauth's forms, bounded.

allauth and fido2 take what a browser sends for well formed, and raise what they happen to where it
is not. Here that is an answer which is not right.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.exceptions import UnsupportedAlgorithm
from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MOST = 10  # keys of a person
LONGEST_NAME = 60
# A key answers in some hundred characters, with the certificates of its maker in a few thousand.
LONGEST_ANSWER = 20_000
_MALFORMED = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    struct.error, UnsupportedAlgorithm,
)  # fmt: skip


@contextmanager
def _read() -> Iterator[None]:
    try:
        yield
    except _MALFORMED:
        raise get_adapter().validation_error("incorrect_code") from None


class AnswerField(forms.JSONField):
    """What a key answered, without what PostgreSQL cannot keep and what no key says."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Refuse before anything is read what is too long, and escapes: some are no text."""
        if len(value or "") > LONGEST_ANSWER or "\\u" in (value or ""):
            raise get_adapter().validation_error("incorrect_code")
        with _read():
            answer = super().to_python(value)
            json.dumps(answer, allow_nan=False)
        return answer

    def bound_data(self, data: Any, initial: Any) -> Any:  # noqa: ARG002
        """Return nothing: what was refused is not shown again."""
        return InvalidJSONInput("")


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A key's name, and what it answered when it was asked to know this site."""

    name = forms.CharField(label=_("Name of the key"), max_length=LONGEST_NAME, required=False)
    credential = AnswerField()

    def clean(self) -> dict[str, Any]:
        """Refuse one key too many, and an answer that is not right."""
        kind = Authenticator.Type.WEBAUTHN
        if Authenticator.objects.filter(user=self.user, type=kind).count() >= MOST:
            words = gettext("You have %(n)s security keys already: remove one first.")
            raise ValidationError(words % {"n": MOST})
        with _read():
            cleaned: dict[str, Any] = super().clean()
        return cleaned


class UseKeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    """What a key answered beside a password."""

    credential = AnswerField()

    def clean_credential(self) -> Authenticator:
        """Return the key whose answer it is."""
        with _read():
            key: Authenticator = super().clean_credential()
        return key


class ConfirmByKeyForm(UseKeyForm, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """What a key answered where somebody was to confirm who it is."""


class RenameKeyForm(EditWebAuthnForm):  # type: ignore[misc]
    """What its owner calls a key."""

    name = forms.CharField(label=_("Name of the key"), max_length=LONGEST_NAME)
