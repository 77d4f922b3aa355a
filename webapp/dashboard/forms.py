"""The shape of what owners send about gold and volunteers; what it means is for the services."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.classifications import expert
from webapp.classifications.expert import GoldUnusable

SPARE_STEPS = 2
MAX_GOLD_BYTES = 5_000_000
UPLOAD = re.compile(r"[0-9a-f]{32}")


class GalaxyForm(forms.Form):
    """A galaxy, by its survey's name."""

    survey_id = forms.CharField(
        label=_("Survey id"),
        max_length=200,
        help_text=_("The galaxy's name in its set."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    set = forms.CharField(
        label=_("Set"),
        max_length=60,
        required=False,
        help_text=_(
            "Only if several sets have a galaxy of this name: the last part of its address."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )


class GoldForm(forms.Form):
    """What experts say of a galaxy: a share beside each answer."""

    words = forms.CharField(
        label=_("Words for volunteers"),
        max_length=expert.MAX_WORDS,
        required=False,
        help_text=_("Why it is so, or where to look; shown after they have answered."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, tree: Tree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tree = tree
        for answer in tree.answers:
            self.fields[_name(answer)] = forms.CharField(
                label=answer.label,
                max_length=20,
                required=False,
                widget=forms.NumberInput(attrs={"min": 0, "max": 1, "step": "any"}),
            )

    @staticmethod
    def initial_of(tree: Tree, fractions: Sequence[float | None], words: str) -> dict[str, str]:
        """Return what the fields hold for experts' answers along this tree."""
        shares = {
            _name(answer): f"{value:.4g}"
            for answer in tree.answers
            if expert.known(value := fractions[answer.index]) and value
        }
        return {"words": words} | shares

    @property
    def questions(self) -> list[tuple[Question, list[BoundField]]]:
        """The questions with the fields of their answers."""
        return [
            (question, [self[_name(answer)] for answer in question.answers])
            for question in self.tree.questions
        ]

    def clean(self) -> dict[str, Any]:
        """Put the shares under "shares", if they are any."""
        cleaned = super().clean() or {}
        try:
            cleaned["shares"] = {
                answer.index: expert.read_share(self.tree, answer.index, text)
                for answer in self.tree.answers
                if (text := cleaned.get(_name(answer), ""))
            }
            expert.of_shares(self.tree, cleaned["shares"])
        except GoldUnusable as error:
            self.add_error(None, str(error))
        return cleaned


def _name(answer: Answer) -> str:
    return f"answer-{answer.index}"


def _percent(label: Any, help_text: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, min_value=0, max_value=100, decimal_places=1,
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )  # fmt: skip


class GoldFileForm(forms.Form):
    """A CSV manifest of gold."""

    file = forms.FileField(
        label=_("CSV manifest"),
        allow_empty_file=True,
        help_text=_("It is only checked at first; docs/formats.md says what it may hold."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt"}),
    )

    def clean_file(self) -> Any:
        """Return the file, if it is small enough for one request."""
        file = self.cleaned_data["file"]
        limit = min(MAX_GOLD_BYTES, settings.MAX_UPLOAD_BYTES)
        if file.size > limit:
            raise forms.ValidationError(
                _("The file has %(size)s bytes, and at most %(limit)s are accepted: split it.")
                % {"size": f"{file.size:,}", "limit": f"{limit:,}"}
            )
        return file


class StoreForm(forms.Form):
    """A manifest that was checked and kept, by the name that we gave it."""

    upload = forms.RegexField(UPLOAD)


class MixtureForm(forms.Form):
    """How many of a hundred galaxies are shown from each stream."""

    random = _percent(_("At random"), _("Every open galaxy is as likely as any other."))
    gain = _percent(
        _("Most told by the next vote"),
        _("What people and the model say together is least settled, and one more vote would tell."),
    )
    ignorance = _percent(
        _("Least known to the model"),
        _("The model's own samples disagree: an answer here is worth most for training it."),
    )
    unusual = _percent(
        _("Unlike the others"), _("Few galaxies look like it to the model. Shown with a cap.")
    )

    def __init__(self, data: Any = None, files: Any = None, *, shares: dict[str, float]) -> None:
        super().__init__(data, files)
        for name, field in self.fields.items():
            field.initial = f"{100 * shares.get(name, 0):g}"

    def shares(self) -> dict[str, float]:
        """Return the shares, 0 to 1."""
        return {name: float(self.cleaned_data[name] / 100) for name in self.fields}


class RateForm(forms.Form):
    """From how many answers on which share of the galaxies shown is gold."""

    def __init__(
        self, data: Any = None, files: Any = None, *, steps: Sequence[Sequence[float]]
    ) -> None:
        super().__init__(data, files)
        self.n_rows = len(steps) + SPARE_STEPS
        for row in range(self.n_rows):
            start, share = (f"{value:g}" for value in steps[row]) if row < len(steps) else ("", "")
            self.fields[f"start-{row}"] = _cell(_("Answers so far"), start)
            self.fields[f"share-{row}"] = _cell(_("Share"), share)

    @property
    def rows(self) -> list[tuple[BoundField, BoundField]]:
        """The fields, a step a row."""
        return [(self[f"start-{row}"], self[f"share-{row}"]) for row in range(self.n_rows)]

    def steps(self) -> list[list[Any]]:
        """Return what was sent as steps, whether they are any or not; empty rows are left out."""
        pairs = [
            (self.cleaned_data[f"start-{row}"], self.cleaned_data[f"share-{row}"])
            for row in range(self.n_rows)
        ]
        return [
            [_number(start, int), _number(share, float)] for start, share in pairs if start or share
        ]


def _cell(label: Any, value: str) -> forms.CharField:
    widget = forms.NumberInput(attrs={"min": 0, "step": "any"})
    return forms.CharField(label=label, initial=value, max_length=20, required=False, widget=widget)


def _number(text: str, kind: type[int] | type[float]) -> Any:
    """Return a number; what is none stays text, so that the service can say so."""
    try:
        return kind(text)
    except ValueError:
        return text


class ReasonForm(forms.Form):
    """Why a volunteer is excluded or kept."""

    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("It stands in the history of this campaign.")
    )
