"""What allauth's forms ask beyond their own fields, and the change of a role."""

from typing import Any

from allauth.account.forms import AddEmailForm, LoginForm, SignupForm
from allauth.account.internal.flows.email_verification import (
    send_verification_email_to_address,
)
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.accounts import names
from webapp.accounts.models import Role, User
from webapp.accounts.preferences import (
    CONTROLS,
    NAMED_KEYS,
    TOGETHER,
    USUAL_KEYS,
    Preferences,
    key_words,
)


def _without_placeholders(form: forms.Form) -> None:
    """Labels stay when something is typed; placeholders that repeat them do not."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class SignInForm(LoginForm):  # type: ignore[misc]
    """Sign-in by public name or e-mail address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_placeholders(self)
        self.fields["login"].label = _("Public name or e-mail address")
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class SignUpForm(SignupForm):  # type: ignore[misc]
    """Sign-up: a public name, an address, one password, and consent to the votes' license."""

    consent = forms.BooleanField(
        error_messages={"required": _("Without your consent no account can be made.")}
    )
    field_order = ["username", "email", "password1", "consent"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_placeholders(self)
        name = self.fields["username"]
        name.label = _("Public name")
        name.help_text = _("Others may see it. It need not be your real name.")
        name.widget.attrs |= {"minlength": names.MIN_LENGTH, "maxlength": names.MAX_LENGTH}
        self.fields["email"].label = _("E-mail address")
        self.fields["email"].help_text = _("Only for your sign-in; never shown to other people.")
        self.fields["password1"].help_text = " ".join(password_validators_help_texts())
        self.fields["consent"].label = format_html(
            gettext('I have read the <a href="{}">terms</a>: my votes are published under {}.'),
            reverse("accounts:terms"),
            settings.VOTES_LICENSE,
        )

    def signup(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002
        """Write down when the terms were accepted."""
        user.terms_accepted_at = timezone.now()
        user.save(update_fields=["terms_accepted_at"])

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account, all of it or nothing.

        Two people may send one name at the same moment: the later one is asked for another.
        """
        try:
            with transaction.atomic():
                return super().try_save(request)  # type: ignore[no-any-return]
        except IntegrityError:
            self.full_clean()
            return None, render(request, "account/signup.html", {"form": self}, status=422)


class AddressForm(AddEmailForm):  # type: ignore[misc]
    """The change of the e-mail address, of an account that has never confirmed one too."""

    def save(self, request: HttpRequest) -> EmailAddress:
        """Change to the new address when it is confirmed, or at once where none ever was.

        allauth would take the unconfirmed one away first, and leave the account without any.
        """
        known = EmailAddress.objects.filter(user=self.user)
        if known.filter(verified=True).exists():
            return super().save(request)
        with transaction.atomic():
            new = EmailAddress.objects.create(user=self.user, email=self.cleaned_data["email"])
            new.set_as_primary()
            known.exclude(pk=new.pk).delete()
        send_verification_email_to_address(request, new)
        return new


class RoleForm(forms.Form):
    """The change of a role, and why."""

    role = forms.ChoiceField(choices=Role.choices)
    reason = forms.CharField(max_length=200, required=False)


class ErasureForm(forms.Form):
    """The end of an account: its name, typed once more."""

    name = forms.CharField(
        max_length=150,
        label=_("Your public name, to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_name(self) -> str:
        """Refuse another name than the account's own."""
        name = names.normalize(str(self.cleaned_data["name"]))
        if name != self.user.username:
            raise forms.ValidationError(
                gettext("This is not “%(username)s”. Nothing was deleted: type that name.")
                % {"username": self.user.username}
            )
        return name


class KeysForm(forms.Form):
    """What the classify page remembers, and a key for each of its controls."""

    prefix = "key"  # a control is called "next", and so is the way back
    shortcuts = forms.BooleanField(
        label=_("Single keys press the controls of the classify page"), required=False
    )
    sticky_view = forms.BooleanField(
        label=_("The picture's light and band stay from one galaxy to the next"), required=False
    )

    def __init__(self, data: Any = None, *, known: Preferences) -> None:
        initial: dict[str, Any] = {
            "shortcuts": known.shortcuts,
            "sticky_view": known.sticky_view,
        }
        super().__init__(data, initial=initial | dict(known.keys))
        for name, words, _usual in CONTROLS:
            self.fields[name] = forms.CharField(
                label=words, max_length=20, required=False, strip=False,
                widget=forms.TextInput(attrs={"autocomplete": "off", "data-records": "key"}),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Refuse what is no key, and a key that would press two controls at once."""
        cleaned = super().clean() or {}
        holders: dict[str, str] = {}
        for name in USUAL_KEYS:
            key = cleaned.get(name, "")
            if problem := _problem(key, name, holders.get(key)):
                self.add_error(name, problem)
            elif key:
                holders.setdefault(key, name)
        return cleaned

    def chosen(self) -> Preferences:
        """Return what was sent."""
        sent = self.cleaned_data
        return Preferences(
            sent["shortcuts"], sent["sticky_view"], {name: sent[name] for name in USUAL_KEYS}
        )


def _problem(key: str, name: str, holder: str | None) -> str:
    """Say what is wrong with the key of a control; nothing for none."""
    is_character = len(key) == 1 and key.isprintable() and not key.isspace()
    if key and not is_character and key not in NAMED_KEYS:
        return gettext(
            "“%(key)s” is no key that can be chosen. Type one character, or %(names)s."
        ) % {"key": key, "names": ", ".join(NAMED_KEYS)}
    if holder and frozenset({holder, name}) not in TOGETHER:
        words = {control: words for control, words, _usual in CONTROLS}
        return gettext("The key %(key)s presses “%(holder)s” already. Choose another one.") % {
            "key": key_words(key),
            "holder": words[holder],
        }
    return ""
