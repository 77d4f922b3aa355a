"""The shape of what a browser sends; what it means is the services' business."""

import re

from django import forms

from webapp.classifications.shown import Shown
from webapp.common.errors import DomainError

NUMBERS = re.compile(r"\d{1,4}(-\d{1,4})*", re.ASCII)


class ClassificationForm(forms.Form):
    """One classification: a uuid, what the page said when it was shown, and the path answered."""

    uuid = forms.UUIDField()
    shown = forms.CharField(max_length=1000)
    path = forms.CharField(max_length=2000, required=False)
    started_at = forms.DateTimeField(required=False)
    finished_at = forms.DateTimeField(required=False)

    def clean_shown(self) -> Shown:
        """Return what the page said, if its signature is ours."""
        try:
            return Shown.read(self.cleaned_data["shown"])
        except DomainError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_path(self) -> list[int]:
        """Return the answers as indices; whether they are a path, the tree knows."""
        text = self.cleaned_data["path"]
        if not text:
            return []
        if not NUMBERS.fullmatch(text):
            raise forms.ValidationError(
                f"The answers {text[:60]!r} are not numbers joined by dashes. Reload the page."
            )
        return [int(part) for part in text.split("-")]

    def sentence(self) -> str:
        """Return the first thing that is wrong, as one sentence."""
        field, problems = next(iter(self.errors.items()))
        text = str(problems[0])
        return text if field in ("shown", "path") else f"{field}: {text}"
