"""What is asked of a person who makes a token."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.api.models import Scope

DAYS = [("30", _("30 days")), ("365", _("a year")), ("", _("until it is revoked"))]


class TokenForm(forms.Form):
    """A new token: what it is called, what it may do, and for how long."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What will use it, such as: laptop.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=[(Scope.READ, _("read")), (Scope.EXPORT, _("ask for exports and cancel them"))],
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("A token that may do nothing is of no use: choose.")},
    )
    days = forms.ChoiceField(label=_("It is valid for"), choices=DAYS, required=False)

    def clean_name(self) -> str:
        """Refuse what a table cannot hold."""
        name: str = self.cleaned_data["name"]
        if "\0" in name:
            raise forms.ValidationError(_("The name holds a null character: remove it."))
        return name

    def clean_days(self) -> int | None:
        """Return the days as a number; None is for ever."""
        days: Any = self.cleaned_data["days"]
        return int(days) if days else None
