"""Who looks, where most answers come from accounts that do not.

Beside hundreds of accounts that answer at random, the crowd's votes say next to nothing of any
galaxy, so that `weights` can hold nothing against anybody. Those who look still agree with each
other, on the same galaxies, more than their habits explain. Starting from them alone, each person
looks with the probability

    P = p L(1) / (p L(1) + (1 - p) L(0)),    p = the mean of P,

with L as in `weights`, and the crowd's votes count by P: without the benefit of the doubt, which
hundreds of accounts would have at once. This is believed only of a flood: if those in doubt gave
most answers, if all answers are likelier so, if those in doubt do not agree with each other, and
if those who look follow the experts where there is gold. So neither a clique nor the larger of two
camps passes for all who look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from inference.belief.answers import ANONYMOUS
from inference.belief.dawid_skene import Votes
from inference.belief.weights import WEIGHT_STEP

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHANCE = 3.0  # standard errors up to which an agreement may be chance
# Half of those who do not look agree with others by chance: of a flood at most three quarters do.
_AGREEING = 0.75  # of the answers
_POWERS = 5
_SHARE_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far volunteers 0 to n_volunteers - 1 say the same of the same galaxies.

    Two answers agree by the product of what each says beyond its volunteer's habit: 0 on average,
    whatever the habits, if one of the two does not look.
    """

    votes: Sequence[Votes]  # of each question
    n_volunteers: int

    def agreeing(self) -> Floats | None:
        """Return 1 for who agrees with others who do, and 0 for the rest, (V,).

        This is the first singular vector of what people say beyond their habits, by powers. None
        where so many agree with others that there is no flood.
        """
        weight = np.ones(self.n_volunteers)
        for _ in range(_POWERS):
            sums, squares = self._sums(weight)
            errors = sums / np.sqrt(np.maximum(squares, np.finfo(np.float64).tiny))
            if self._share(errors > 0) > _AGREEING:
                return None
            weight = np.maximum(errors, 0)
        return (weight > CHANCE).astype(np.float64)

    def gave_most(self, weight: Floats) -> bool:
        """Say whether these people gave more than half of the answers."""
        return self._share(weight) > 0.5

    def do_agree(self, weight: Floats) -> bool:
        """Say whether these people agree with each other more than by chance."""
        sums, squares = self._sums(weight)
        # Every pair is in the sum twice, once from each side.
        return bool(weight @ sums > CHANCE * np.sqrt(2 * (weight**2 @ squares)))

    @cached_property
    def _beyond(self) -> list[Floats]:
        """Return what was said, 1 or 0 for each answer, less the person's mean, (M, A)."""
        return [_beyond(one) for one in self.votes]

    @cached_property
    def _n_answers(self) -> Floats:
        return self._of_known([np.ones(len(one.answer)) for one in self.votes])

    def _share(self, weight: NDArray[Any]) -> float:
        """Return the share of these people's answers in all whose volunteer is known."""
        return float(self._n_answers @ weight / max(self._n_answers.sum(), 1))

    def _sums(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the sum of each person's agreements with the others, and of their squares."""
        each = [_with_others(*both, weight) for both in zip(self.votes, self._beyond, strict=True)]
        return self._of_known(each), self._of_known([one**2 for one in each])

    def _of_known(self, values: list[Floats]) -> Floats:
        """Return the sum of each volunteer's values, (V,)."""
        found = np.zeros(self.n_volunteers)
        for votes, value in zip(self.votes, values, strict=True):
            known = votes.volunteer != ANONYMOUS
            found += np.bincount(votes.volunteer[known], value[known], self.n_volunteers)
        return found


def looks(
    volunteer: Integers, looking: Floats, habit: Floats, n_volunteers: int
) -> tuple[Floats, float]:
    """Return each volunteer's probability to look, (V,), and the answers' log likelihood, nats.

    Args:
        volunteer, looking, habit: as in `weights.weights`.
    """
    gain = np.bincount(volunteer, np.log(looking / habit), minlength=n_volunteers)
    has_answers = np.bincount(volunteer, minlength=n_volunteers) > 0
    share = 0.5
    for _ in range(_SHARE_ROUNDS):
        found = np.where(has_answers, expit(gain + logit(share)), 1.0)
        share = (found[has_answers].sum() + 1) / (has_answers.sum() + 2)
    either = np.logaddexp(np.log(share) + gain, np.log1p(-share))
    likelihood = np.log(habit).sum() + either[has_answers].sum()
    return np.round(found / WEIGHT_STEP) * WEIGHT_STEP, float(likelihood)


def _beyond(votes: Votes) -> Floats:
    said = np.eye(votes.n_classes)[votes.answer]
    n_answers = np.maximum(np.bincount(votes.person), 1)
    means = _sums_of_rows(votes.person, said, len(votes.volunteers)) / n_answers[:, None]
    found: Floats = said - means[votes.person]
    return found


def _with_others(votes: Votes, beyond: Floats, weight: Floats) -> Floats:
    """Return how far each answer agrees with the subject's other answers, (M,)."""
    each = np.append(weight, 0.0)[votes.volunteers][votes.person]  # ANONYMOUS, -1, is the last
    counted = each[:, None] * beyond
    others = _sums_of_rows(votes.row, counted, len(votes.subjects))[votes.row] - counted
    found: Floats = (beyond * others).sum(1)
    return found


def _sums_of_rows(places: Integers, values: Floats, n: int) -> Floats:
    """Return the sum of the rows at each place, (n, A)."""
    return np.stack([np.bincount(places, column, n) for column in values.T], axis=1)
