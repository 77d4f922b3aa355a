"""How often a volunteer is shown a galaxy that experts have answered: less with experience."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from inference.errors import shown
from webapp.common.errors import DomainError

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
        raise GoldRateUnusable(f"{shown(steps)} is no list of at most {MOST_STEPS} steps.")
    for step in steps:
        _check(step)
    if steps and steps[0][0] != 0:
        raise GoldRateUnusable(
            f"The first step begins at {steps[0][0]} answers. Let it begin at 0."
        )
    for earlier, later in pairwise(steps):
        if later[0] <= earlier[0]:
            raise GoldRateUnusable(
                f"The step at {later[0]} comes after that at {earlier[0]}. Let the answers grow."
            )
    return [[int(answered), float(share)] for answered, share in steps]


def _check(step: Any) -> None:
    if not isinstance(step, list | tuple) or len(step) != 2:
        raise GoldRateUnusable(f"{shown(step)} is no step. Write [answers so far, share].")
    answered, share = step
    if type(answered) is not int or not 0 <= answered <= MOST_ANSWERED:
        raise GoldRateUnusable(
            f"{shown(answered)} is no number of answers. Write 0 to {MOST_ANSWERED:,}."
        )
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise GoldRateUnusable(f"{shown(share)} is no share. Write 0 to 1, such as 0.05.")


def rate(steps: Sequence[Sequence[float]], n_answered: int) -> float:
    """Return the share of gold for somebody with so many answers; 0 without steps."""
    return float(next((share for start, share in reversed(steps) if n_answered >= start), 0.0))
