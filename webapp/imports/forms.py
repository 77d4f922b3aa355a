"""What owners say of a file that they bring."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.imports.models import Kind
from webapp.subjects.models import SubjectSet
from webapp.workflows.models import Workflow


class ImportForm(forms.Form):
    """A file of another project."""

    kind = forms.ChoiceField(label=_("What it holds"), choices=Kind.choices)
    file = forms.FileField(
        label=_("File"), help_text=_("CSV as it was exported, or the JSON list of versions.")
    )
    workflow = forms.ModelChoiceField(
        label=_("Campaign that the votes count in"),
        queryset=Workflow.objects.none(),
        required=False,
    )
    subject_set = forms.ModelChoiceField(
        label=_("Set that the galaxies are in"), queryset=SubjectSet.objects.none(), required=False
    )
    external_workflow = forms.RegexField(
        label=_("Only rows of this workflow there"),
        regex=r"^\d{1,20}$",
        required=False,
        help_text=_("Its number. Needed where the file does not name workflows."),
    )

    def __init__(self, *args: Any, user: User, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["workflow"].queryset = (  # type: ignore[attr-defined]
            Workflow.objects.owned_by(user).order_by("name")
        )
        self.fields["subject_set"].queryset = (  # type: ignore[attr-defined]
            SubjectSet.objects.owned_by(user).order_by("name")
        )
