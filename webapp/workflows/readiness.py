"""What a campaign needs before everybody may vote; the apps above fill in their numbers."""

from collections.abc import Sequence
from typing import NamedTuple

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
        return Line(is_passed=False, words="The rule cannot be followed.", remedy=str(error))
    return Line(is_passed=True, words=f"A galaxy retires after {rule.votes:,} classifications.")


def of_text(workflow: Workflow) -> Line:
    """Say whether volunteers are told what the campaign is about."""
    missing = [name for name in ("summary", "text") if not getattr(workflow, name).strip()]
    if missing:
        return Line(
            is_passed=False,
            words=f"The {' and the '.join(missing)} for volunteers {_is(len(missing))} empty.",
            remedy="Write a few words on the Texts page.",
        )
    return Line(
        is_passed=True,
        words=f"Volunteers are told what it is about, in {len(workflow.text.split()):,} words.",
    )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
