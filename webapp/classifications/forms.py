"""The shape of what a browser sends; what it means is the services' business."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from webapp.classifications import looking
from webapp.classifications.models import Classification, Standing
from webapp.classifications.shown import NOT_OURS, Shown
from webapp.common.errors import DomainError
from webapp.workflows.models import Workflow
from webapp.workflows.words import spoken

NO_UUID = "The answer came without an id of its own. Reload the page and answer again."
NO_PATH = "The answers are not those of any page. Reload the page and answer again."
NO_VIEW = (
    f"What the page says of how its picture was looked at is no text of up to "
    f"{looking.MAX_TEXT:,} characters. Reload the page and answer again."
)
NUMBERS = re.compile(r"\d{1,4}(-\d{1,4})*", re.ASCII)


def _said(words: str) -> dict[str, str]:
    """Let a field say this, whatever is wrong with its characters."""
    problems = ("required", "invalid", "max_length", "null_characters_not_allowed")
    return dict.fromkeys(problems, words)


class ClassificationForm(forms.Form):
    """One classification: a uuid, what the page said when it was shown, and the path answered."""

    uuid = forms.UUIDField(error_messages=_said(NO_UUID))
    shown = forms.CharField(required=False, error_messages=_said(NOT_OURS))
    path = forms.CharField(max_length=2000, required=False, error_messages=_said(NO_PATH))
    started_at = forms.DateTimeField(required=False)
    finished_at = forms.DateTimeField(required=False)
    view = forms.CharField(
        max_length=looking.MAX_TEXT, required=False, error_messages=_said(NO_VIEW)
    )

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
                _("The answers %(text)s are not numbers joined by dashes. Reload the page.")
                % {"text": f"{text[:60]!r}"}
            )
        return [int(part) for part in text.split("-")]

    def clean_view(self) -> looking.View | None:
        """Return how the picture was looked at; None where the page does not say."""
        try:
            return looking.read_view(self.cleaned_data["view"])
        except DomainError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_started_at(self) -> datetime | None:
        """Return when the client says that its volunteer began."""
        return _storable(self.cleaned_data["started_at"])

    def clean_finished_at(self) -> datetime | None:
        """Return when the client says that its volunteer was done."""
        return _storable(self.cleaned_data["finished_at"])

    def sentence(self) -> str:
        """Return the first thing that is wrong, as one sentence."""
        field, problems = next(iter(self.errors.items()))
        text = str(problems[0])
        return f"{field}: {text}" if field in ("started_at", "finished_at") else text


def _storable(moment: datetime | None) -> datetime | None:
    """Return an instant that can be read back, whatever the client's clock says.

    PostgreSQL stores what is before year 1 or after 9999 in UTC, but Python cannot read it.
    """
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise forms.ValidationError(
            _("%(moment)s is no time that can be stored. Set this device's clock.")
            % {"moment": moment}
        ) from None


class WallForm(forms.Form):
    """Which of somebody's own galaxies they want to see; what it does not know it leaves out."""

    ANY, COUNTED, NOT_COUNTED, FAVORITES = "", "counted", "not-counted", "favorites"

    campaign = forms.ModelChoiceField(
        Workflow.objects.none(),
        required=False,
        to_field_name="slug",
        label=_("Campaign"),
        empty_label=_("all campaigns"),
    )
    answer = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label=_("Answer"))
    show = forms.ChoiceField(
        required=False,
        label=_("Show"),
        choices=[
            (ANY, _("all galaxies")),
            (COUNTED, _("those that count")),
            (NOT_COUNTED, _("those that do not count")),
            (FAVORITES, _("favorites")),
        ],
    )

    def __init__(self, data: Mapping[str, Any] | None, *, own: QuerySet[Classification]) -> None:
        """Offer the campaigns of a person's answers, and the answers of the chosen one's tree."""
        super().__init__(data)
        slugs = own.order_by().values("workflow").distinct()
        campaigns = Workflow.objects.filter(pk__in=slugs).with_tree().order_by("name")
        cast("forms.ModelChoiceField[Workflow]", self.fields["campaign"]).queryset = campaigns
        asked = self["campaign"].value()
        chosen = next((each for each in campaigns if each.slug == asked), None)
        cast("forms.TypedChoiceField", self.fields["answer"]).choices = _answers(chosen)

    def filtered(self, own: QuerySet[Classification]) -> QuerySet[Classification]:
        """Keep what was asked for; a part that is not understood filters nothing."""
        self.is_valid()
        values = getattr(self, "cleaned_data", {})
        if campaign := values.get("campaign"):
            own = own.filter(workflow=campaign)
            if (answer := values.get("answer")) is not None:
                own = own.filter(tree=campaign.tree_id, path__contains=[answer])
        counted = Standing.State.COUNTED
        shown = {
            self.COUNTED: lambda: own.filter(standing__state=counted),
            self.NOT_COUNTED: lambda: own.exclude(standing__state=counted),
            self.FAVORITES: lambda: own.filter(Q(is_favorite=True)),  # an annotation of `own`
        }
        return shown.get(values.get("show", ""), lambda: own)()


def _answers(workflow: Workflow | None) -> list[tuple[object, object]]:
    """Return the answers of a campaign's tree under their questions."""
    every: list[tuple[object, object]] = [("", _("any answer"))]
    if workflow is None:
        return every
    questions = [spoken(question) for question in workflow.tree.tree.questions]
    return every + [
        (question.text, [(answer.index, answer.label) for answer in question.answers])
        for question in questions
    ]
