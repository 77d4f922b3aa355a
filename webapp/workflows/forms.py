"""The shape of what owners send; what it means is for the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inference.belief.certainty import Certainty
from inference.belief.retirement import FLAG, MAX_VOTES, RETIRE, Rule
from inference.formats.tree import Tree, built_in, load_built_in

MAX_TREE_BYTES = 1_000_000
MAX_TEXT = 20_000
UPLOAD = "upload"


class WholeNumber(forms.IntegerField):
    """A number whose refusal names what was written; the services know the limits."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except forms.ValidationError as error:
            if error.code != "invalid":
                raise
            message = _("“%(value)s” is no whole number. Write one, such as 40.")
            raise forms.ValidationError(
                message, code="invalid", params={"value": str(value)[:40]}
            ) from None


class TreeForm(forms.Form):
    """A tree: one that comes with the software, or a file."""

    choice = forms.ChoiceField(label=_("Tree"), widget=forms.RadioSelect)
    file = forms.FileField(
        label=_("Tree file"),
        required=False,
        allow_empty_file=True,
        help_text=_("JSON, only if “A file of mine” is chosen; docs/formats.md says how."),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        titles = [(name, load_built_in(name).title) for name in built_in()]
        choices = [*titles, (UPLOAD, _("A file of mine"))]
        self.fields["choice"].choices = choices  # type: ignore[attr-defined]
        self.fields["choice"].initial = choices[0][0]

    def clean(self) -> dict[str, Any]:
        """Put the document under "document"."""
        cleaned = super().clean() or {}
        choice, file = cleaned.get("choice"), cleaned.get("file")
        if choice is None:
            return cleaned
        if choice != UPLOAD:
            cleaned["document"] = load_built_in(choice).to_json()
        elif file is None:
            self.add_error("file", _("No file was sent. Choose one, or one of the trees above."))
        elif file.size > MAX_TREE_BYTES:
            self.add_error("file", _("The file is larger than 1 MB. Shorten its texts."))
        else:
            cleaned["document"] = file.read()
        return cleaned


class CampaignForm(TreeForm):
    """A new campaign."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("The address is made from it and stays.")
    )
    field_order = ("name", "choice", "file")


class TextsForm(forms.Form):
    """What volunteers read."""

    name = forms.CharField(label=_("Name"), max_length=120)
    summary = forms.CharField(
        label=_("Summary"), max_length=200, required=False, help_text=_("One line for the list.")
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=MAX_TEXT,
        required=False,
        help_text=_("Markdown: what one sees, and why it matters."),
        widget=forms.Textarea(attrs={"rows": 14}),
    )


class VoteDisplayForm(forms.Form):
    """Who may see votes before a galaxy retires."""

    hides_votes = forms.BooleanField(
        label=_("Hide the votes of an open galaxy from volunteers who have not classified it"),
        required=False,
        help_text=_(
            "So that nobody is led by what others said. They see them after their own vote, and "
            "everybody does once the galaxy has retired. Scientists always do."
        ),
    )
    is_debiased = forms.BooleanField(
        label=_("Show fractions corrected for redshift too"),
        required=False,
        help_text=_(
            "As galaxies would look nearby: for populations, not for single galaxies. Learned from "
            "the survey's redshifts, magnitudes and sizes, they stand in the catalog, in its files "
            "and in releases."
        ),
    )


class AnsweringForm(forms.Form):
    """What volunteers are shown before and after Done."""

    shows_summary = forms.BooleanField(
        label=_("Show the answers in one line before Done"),
        required=False,
        help_text=_("Each is a way back to its question. The trail of answers is there anyway."),
    )
    tells_crowd = forms.BooleanField(
        label=_("After Done, offer to show what people have said of that galaxy so far"),
        required=False,
        help_text=_(
            "Never before the answer. Whoever looks can change that answer no more, so that "
            "nobody follows the others."
        ),
    )


class RuleForm(forms.Form):
    """When a galaxy has been seen enough."""

    votes = WholeNumber(
        label=_("Classifications"),
        help_text=_("A galaxy retires after this many, from 1 to 10,000."),
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_VOTES}),
    )
    is_certain = forms.BooleanField(
        label=_("Retire a galaxy earlier, once its answers are sure"), required=False
    )
    probability = forms.FloatField(
        label=_("How sure, in percent"),
        required=False,
        help_text=_(
            "The leading answer of each question that at least half of the volunteers would be "
            "asked must lead with this probability, from 50 to 99.9."
        ),
        widget=forms.NumberInput(attrs={"min": 50, "max": 99.9, "step": 0.1}),
    )
    least_votes = WholeNumber(
        label=_("Classifications before a galaxy may be sure"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_VOTES}),
    )
    people = WholeNumber(
        label=_("People who must have given each leading answer"),
        required=False,
        help_text=_("So that what only a network favors retires nothing."),
        widget=forms.NumberInput(attrs={"min": 0, "max": MAX_VOTES}),
    )
    then = forms.ChoiceField(
        label=_("When enough people say that the picture is bad"),
        choices=[
            (FLAG, _("put the galaxy on the flagged list, and go on showing it")),
            (RETIRE, _("put it on the flagged list, and show it no more")),
            ("", _("do nothing")),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    artifact_votes = WholeNumber(
        label=_("Votes for a bad picture that are enough"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_VOTES}),
    )

    def __init__(self, data: Any = None, files: Any = None, *, rule: Rule) -> None:
        artifact = rule.artifact
        certainty = rule.certainty or Certainty(
            probability=0.95, votes=min(5, rule.votes), people=1, reached=0.5, questions=None,
            width=None,
        )  # fmt: skip
        initial = {
            "votes": rule.votes,
            "is_certain": rule.certainty is not None,
            "probability": round(100 * certainty.probability, 4),
            "least_votes": certainty.votes,
            "people": certainty.people,
            "then": artifact.then if artifact else "",
            "artifact_votes": artifact.votes if artifact else min(3, rule.votes),
        }
        super().__init__(data, files, initial=initial)
        self.tree: Tree = rule.tree
        self.known = rule.to_json()
        if not self.tree.artifacts:
            del self.fields["then"], self.fields["artifact_votes"]

    def _certainty(self) -> dict[str, Any]:
        """Return what was sent; the questions, their reach and a width stay as they were."""
        sent = self.cleaned_data
        percent = sent["probability"]
        return {
            "probability": None if percent is None else percent / 100,
            "votes": sent["least_votes"],
            "people": sent["people"],
        }

    def rule(self) -> dict[str, Any]:
        """Return what was sent as a rule, valid or not; answers named before stay named."""
        sent = self.cleaned_data
        rule = self.known | {"votes": sent["votes"], "artifact": None, "certainty": None}
        if sent["is_certain"]:
            rule["certainty"] = (self.known["certainty"] or {}) | self._certainty()
        if sent.get("then"):
            own = self.known["artifact"]
            names = [self.tree.name(answer) for answer in self.tree.artifacts]
            rule["artifact"] = {
                "answers": own["answers"] if own else names,
                "votes": sent["artifact_votes"],
                "then": sent["then"],
            }
        return rule


class OwnerForm(forms.Form):
    """Somebody who is to own the campaign too."""

    username = forms.CharField(
        label=_("Name of the account"),
        max_length=150,
        help_text=_("A scientist or an administrator of this site."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
