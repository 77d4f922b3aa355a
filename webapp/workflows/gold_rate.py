"""How often a volunteer is shown a galaxy that experts have answered: less with experience."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from inference.errors import shown
from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.workflows import services
from webapp.workflows.models import Workflow

DEFAULT = [[0, 0.5], [10, 0.2], [50, 0.1], [100, 0.05]]  # 1 in 2, falling to 1 in 20
MOST_STEPS = 20
MOST_ANSWERED = 100_000


class GoldRateUnusable(DomainError):
    """The steps are none."""


def parse(steps: Any) -> list[list[float]]:
    """Return steps of [answers given so far, share of gold], or say what is wrong with them.

    Raises:
        GoldRateUnusable: one sentence with the value and the remedy.
    """
    if not isinstance(steps, list) or len(steps) > MOST_STEPS:
        raise GoldRateUnusable(
            _("%(steps)s is no list of at most %(most_steps)s steps.")
            % {"steps": shown(steps), "most_steps": MOST_STEPS}
        )
    for step in steps:
        _check(step)
    if steps and steps[0][0] != 0:
        raise GoldRateUnusable(
            _("The first step begins at %(steps)s answers. Let it begin at 0.")
            % {"steps": steps[0][0]}
        )
    for earlier, later in pairwise(steps):
        if later[0] <= earlier[0]:
            raise GoldRateUnusable(
                _("The step at %(later)s comes after that at %(earlier)s. Let the answers grow.")
                % {"later": later[0], "earlier": earlier[0]}
            )
    return [[int(answered), float(share)] for answered, share in steps]


def _check(step: Any) -> None:
    if not isinstance(step, list | tuple) or len(step) != 2:
        raise GoldRateUnusable(
            _("%(step)s is no step. Write [answers so far, share].") % {"step": shown(step)}
        )
    answered, share = step
    if type(answered) is not int or not 0 <= answered <= MOST_ANSWERED:
        raise GoldRateUnusable(
            _("%(answered)s is no number of answers. Write 0 to %(most_answered)s.")
            % {"answered": shown(answered), "most_answered": f"{MOST_ANSWERED:,}"}
        )
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise GoldRateUnusable(
            _("%(share)s is no share. Write 0 to 1, such as 0.05.") % {"share": shown(share)}
        )


def rate(steps: Sequence[Sequence[float]], n_answered: int) -> float:
    """Return the share of gold for somebody with so many answers; 0 without steps."""
    return float(next((share for start, share in reversed(steps) if n_answered >= start), 0.0))


@transaction.atomic
def change_gold_rate(*, workflow: Workflow, steps: Any, by: User) -> Workflow:
    """Change how often volunteers are shown a galaxy that experts answered; no steps: never.

    Raises:
        GoldRateUnusable: the steps are none; the sentence says why.
        WrongStatus: the campaign is finished.
    """
    parsed = parse(steps)
    locked = services.lock_unfinished(workflow, gettext_noop("Its gold rate"))
    if parsed != locked.gold_rate:
        audit.write_entry(
            actor=by, action="change_gold_rate", target="workflow", target_id=locked.pk,
            old=locked.gold_rate, new=parsed,
        )  # fmt: skip
        locked.gold_rate = parsed
        locked.save(update_fields=["gold_rate"])
    return locked
