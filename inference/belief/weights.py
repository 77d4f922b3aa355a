"""How much a volunteer's votes weigh: how far their answers follow the galaxy, not a habit.

Galaxies often have no single right answer, so nobody is measured by a right answer. For each answer
two forecasts are made without it: what somebody who looks would say of this very galaxy (the
others' votes, drawn toward this person's habit; on gold, what the crowd says where experts said
this), and what this person says of any galaxy (their habit). Were a share w of their answers
of the first kind and the rest of the second, the answers' likelihood is

    L(w) = product of w * looking(said) + (1 - w) * habit(said).

The weight is the largest w in [0, 1] that these answers do not speak against: log L within
BENEFIT = 2 nats of its maximum, two standard errors. Where w = 1 is D > 2 nats below the maximum,
there is less doubt to benefit from, and 4 / D nats are granted. So a typical volunteer has 1, as
has a new one and one in the minority on galaxies that divide everybody; who clicks at random,
always gives the same answer or the opposite one, falls to 0 as answers come in. The crowd's votes
count by the weights found so far, until these stand still; in a flood of accounts that do not look,
by who does (`flood`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inference.belief.dawid_skene import Votes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Condition = Callable[[Floats], NDArray[np.bool_]]

# Sums of such weights are exact in float32, so that the order of votes cannot matter.
WEIGHT_STEP = 1 / 256

BENEFIT = 2.0  # nats
ROUNDS = 6
_STEPS = round(1 / WEIGHT_STEP)
_HABIT_VOTES = 4.0  # answers that the question's average counts as in a habit
_DRAWN = 2.0 ** np.arange(-3, 7)  # votes that the question's average may count as on a galaxy
_GOLD_VOTES = 5.0  # answers a class that start what the crowd says of gold: as the experts
_GOLD_ERRORS = 0.1  # of them
_GOLD_ROUNDS = 20
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Forecast:
    """For each answer to a question the crowd's forecast and the person's habit, (M, A)."""

    votes: Votes
    crowd: Floats
    habit: Floats
    looking_said: Floats  # (M,) probability of what was said, by this person if they look

    @cached_property
    def crowd_said(self) -> Floats:
        """Return the crowd's probability of what was said, (M,)."""
        return _said(self.crowd, self.votes)

    @cached_property
    def habit_said(self) -> Floats:
        """Return the habit's probability of what was said, (M,)."""
        return _said(self.habit, self.votes)

    @property
    def expected(self) -> Floats:
        """Return the chance that one of the crowd says what the next one says, (M,)."""
        found: Floats = (self.crowd**2).sum(1)
        return found

    @property
    def variance(self) -> Floats:
        """Return the variance of `crowd_said` if one of the crowd had answered, (M,)."""
        found: Floats = (self.crowd**3).sum(1) - self.expected**2
        return np.maximum(found, 0)  # rounding

    @property
    def chance(self) -> Floats:
        """Return the chance that the crowd says what the habit says, (M,)."""
        found: Floats = (self.crowd * self.habit).sum(1)
        return found


def forecast(votes: Votes, weight: Floats, gold: Floats | None = None) -> Forecast:
    """Return the forecasts of each answer from the others.

    Args:
        weight: of each volunteer in `votes.volunteers`, (V',).
        gold: experts' fractions of each subject in `votes.subjects`, (N', A), NaN elsewhere.
    """
    habit = _habits(votes)
    crowd, looking_said = _of_others(votes, weight, _said(habit, votes))
    if gold is not None:
        rows = votes.row
        on_gold = np.isfinite(gold[rows]).all(1)
        if on_gold.any():
            each = weight[votes.person[on_gold]]
            crowd[on_gold] = _of_experts(gold[rows[on_gold]], votes.answer[on_gold], each)
            looking_said[on_gold] = _said(crowd, votes)[on_gold]
    crowd, looking_said = np.maximum(crowd, _LEAST), np.maximum(looking_said, _LEAST)
    return Forecast(votes, crowd, habit, looking_said)


def weights(volunteer: Integers, looking: Floats, habit: Floats, n_volunteers: int) -> Floats:
    """Return the weight of each volunteer, (V,), in steps of WEIGHT_STEP.

    Args:
        volunteer: who gave each answer, (M,), 0 to V - 1.
        looking, habit: the forecasts' probability of what was said, (M,).
    """
    found = np.ones(n_volunteers)
    slope = np.bincount(volunteer, 1 - habit / looking, minlength=n_volunteers)
    doubted = slope < 0  # everybody else is likeliest at 1
    kept = doubted[volunteer]
    anew = np.cumsum(doubted) - 1
    found[doubted] = _doubted(_Likelihood(anew[volunteer[kept]], looking[kept], habit[kept]))
    return found


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """log L(w) of the people 0 to n - 1."""

    volunteer: Integers
    looking: Floats
    habit: Floats

    @cached_property
    def n(self) -> int:
        return int(self.volunteer.max()) + 1 if len(self.volunteer) else 0

    def value(self, weight: Floats) -> Floats:
        return self._sum(np.log(self._mixed(weight)))

    def slope(self, weight: Floats) -> Floats:
        return self._sum((self.looking - self.habit) / self._mixed(weight))

    def _mixed(self, weight: Floats) -> Floats:
        return self.habit + weight[self.volunteer] * (self.looking - self.habit)

    def _sum(self, values: Floats) -> Floats:
        return _sums(self.volunteer, values, self.n)


def _doubted(likelihood: _Likelihood) -> Floats:
    """Return the weight of people whose likelihood falls toward 1; log L is concave."""
    start = np.zeros(likelihood.n, np.int64)
    best = _last(start, lambda weight: likelihood.slope(weight) >= 0)
    highest = likelihood.value(_weight(best))
    against = highest - likelihood.value(np.ones(likelihood.n))
    least = highest - BENEFIT * np.minimum(1, BENEFIT / np.maximum(against, BENEFIT))
    return _weight(_last(best, lambda weight: likelihood.value(weight) >= least))


def _last(start: Integers, holds: Condition) -> Integers:
    """Return the last step from `start` on up to which a condition holds; `start` if none."""
    low, high = start.copy(), np.full_like(start, _STEPS)
    while (low < high).any():
        middle = (low + high + 1) // 2
        holding = holds(_weight(middle))
        low, high = np.where(holding, middle, low), np.where(holding, high, middle - 1)
        high = np.maximum(high, low)
    return low


def _of_others(votes: Votes, weight: Floats, habit_said: Floats) -> tuple[Floats, Floats]:
    """Return forecasts from the subject's other votes: the crowd's, (M, A), and the person's, (M,).

    The person's is drawn toward their habit instead of the average: where nobody else has looked
    it says nothing, whatever galaxies they were shown.
    """
    n = votes.n_classes
    rows = votes.row
    each = weight[votes.person]
    counts = _sums(rows * n + votes.answer, each, len(votes.subjects) * n).reshape(-1, n)
    average = (counts.sum(0) + 1) / (counts.sum() + n)
    others = counts[rows]
    others[np.arange(len(rows)), votes.answer] -= each
    total = others.sum(1)
    said, usual = _said(others, votes), average[votes.answer]
    drawn = max(
        _DRAWN, key=lambda drawn: float(each @ np.log((said + drawn * usual) / (total + drawn)))
    )
    found: Floats = (others + drawn * average) / (total + drawn)[:, None]
    return found, (said + drawn * habit_said) / (total + drawn)


def _of_experts(fractions: Floats, answer: Integers, each: Floats) -> Floats:
    """Return the crowd's forecast where experts gave these fractions, (M, A).

    By EM: which of the experts' answers a volunteer saw who said this, and what is then said.
    """
    n = fractions.shape[1]
    said = np.eye(n)[answer] * each[:, None]
    as_experts = np.eye(n) * (1 - _GOLD_ERRORS) + _GOLD_ERRORS / n
    matrix = as_experts
    for _ in range(_GOLD_ROUNDS):
        seen = fractions * matrix[:, answer].T
        seen /= np.maximum(seen.sum(1, keepdims=True), _LEAST)
        matrix = seen.T @ said + _GOLD_VOTES * as_experts
        matrix /= matrix.sum(1, keepdims=True)
    found: Floats = fractions @ matrix
    return found


def _habits(votes: Votes) -> Floats:
    """Return what each person says of other galaxies, for each answer, (M, A)."""
    n = votes.n_classes
    people = votes.person
    ones = np.ones(len(people))
    counts = _sums(people * n + votes.answer, ones, len(votes.volunteers) * n).reshape(-1, n)
    average = (counts.sum(0) + 1) / (counts.sum() + n)
    others = counts[people]
    others[np.arange(len(people)), votes.answer] -= 1
    found: Floats = others + _HABIT_VOTES * average
    found /= found.sum(1, keepdims=True)
    return found


def _said(values: Floats, votes: Votes) -> Floats:
    found: Floats = values[np.arange(len(values)), votes.answer]
    return found


def _sums(places: Integers, values: Floats, n: int) -> Floats:
    """Return the sum of the values at each place, (n,)."""
    return np.bincount(places, values, minlength=n).astype(np.float64, copy=False)


def _weight(steps: Integers) -> Floats:
    return steps.astype(np.float64) * WEIGHT_STEP
