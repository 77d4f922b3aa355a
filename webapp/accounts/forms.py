"""What allauth's forms ask beyond their own fields, and the change of a role."""

from typing import Any

from allauth.account.forms import LoginForm, SignupForm
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
