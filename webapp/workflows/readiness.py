"""What a campaign needs before everybody may vote; the apps above fill in their numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.belief.retirement import Rule
from inference.errors import RuleRefused
from webapp.workflows.models import Workflow


class Line(NamedTuple):
    """One line of the checklist: what was found, and what to do where that is not enough."""

    is_passed: bool
    words: str
    remedy: str = ""


def failing(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that keep a campaign from its launch."""
    return [line for line in lines if not line.is_passed]


def of_rule(workflow: Workflow) -> Line:
    """Say whether the rule can be followed on the campaign's tree."""
    try:
        rule = Rule.parse(workflow.rule, workflow.tree.tree)
    except RuleRefused as error:
        return Line(is_passed=False, words=_("The rule cannot be followed."), remedy=str(error))
    words = ngettext(
        "A galaxy retires after %(votes)s classification.",
        "A galaxy retires after %(votes)s classifications.",
        rule.votes,
    )
    return Line(is_passed=True, words=words % {"votes": intcomma(rule.votes)})


def of_text(workflow: Workflow) -> Line:
    """Say whether volunteers are told what the campaign is about."""
    has_summary, has_text = workflow.summary.strip(), workflow.text.strip()
    if not has_summary or not has_text:
        missing = _("The text for volunteers is empty.")
        if not has_summary:
            missing = _("The summary for volunteers is empty.")
            if not has_text:
                missing = _("The summary and the text for volunteers are empty.")
        return Line(
            is_passed=False, words=missing, remedy=_("Write a few words on the Texts page.")
        )
    words = _("Volunteers are told what it is about, in %(words)s words.")
    return Line(is_passed=True, words=words % {"words": intcomma(len(workflow.text.split()))})
