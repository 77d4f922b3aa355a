"""Volunteers' skill: a confusion matrix for each person and question, and one weight each."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.belief import dawid_skene, flood, weights
from inference.belief.answers import ANONYMOUS, Answers, below, whole_numbers
from inference.belief.dawid_skene import Fit, Votes
from inference.belief.dirichlet import span_of
from inference.belief.weights import WEIGHT_STEP, Forecast
from inference.errors import SkillRefused, shown
from inference.formats.question import Question
from inference.formats.tree import Tree

__all__ = [
    "ANONYMOUS",
    "WEIGHT_STEP",
    "Answers",
    "Skills",
    "estimate_skills",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Gold = tuple[ArrayLike, ArrayLike]

_LEAST_SPAN = 0.01  # between looking and not looking
_SUM_TOLERANCE = 1e-3  # fractions that people write are rounded


@dataclass(frozen=True, eq=False)
class Skills:
    """What is known of each volunteer; someone without answers has weight 1 and NaN agreement.

    All shares are means over the volunteer's answers to single-choice questions. `agreement` is the
    probability that the crowd's next volunteer would have said the same of that galaxy (on gold,
    that the crowd would where experts said this); `expected` is what a typical volunteer would
    have on the same galaxies, with `scatter` as its standard error; `chance` is what one would have
    who gives the same answers in the same numbers without looking.
    """

    tree: Tree
    weight: Floats  # (V,) in [0, 1], multiples of WEIGHT_STEP
    agreement: Floats  # (V,)
    expected: Floats  # (V,)
    scatter: Floats  # (V,)
    chance: Floats  # (V,)
    n_answers: Integers  # (V,)
    n_gold: Integers  # (V,), of these on gold
    fits: tuple[Fit | None, ...]  # of each question; None for a multiple choice

    @property
    def n_volunteers(self) -> int:
        """Return V."""
        return len(self.weight)

    def confusion(self, question: int) -> Floats:
        """Return everybody's confusion matrix, (V, classes, answers); the pooled for strangers."""
        return self._fit(question).confusion_of_all(self.n_volunteers)

    def pooled(self, question: int) -> Floats:
        """Return the crowd's confusion matrix, (classes, answers)."""
        return self._fit(question).pooled

    @cached_property
    def above_chance(self) -> Floats:
        """Return agreement corrected for chance, (V,): 1 is typical, 0 is not looking.

        NaN where looking and not looking cannot be told apart.
        """
        span = self.expected - self.chance
        found: Floats = np.full(len(span), np.nan)
        np.divide(self.agreement - self.chance, span, out=found, where=span > _LEAST_SPAN)
        return found

    def _fit(self, question: int) -> Fit:
        found = self.fits[question]
        if found is None:
            raise SkillRefused(
                f'"{self.tree.questions[question].key}" is a multiple choice and has no confusion '
                f"matrix. Ask for a single-choice question."
            )
        return found


def estimate_skills(
    tree: Tree,
    answers: Answers,
    *,
    n_subjects: int,
    n_volunteers: int,
    gold: Gold | None = None,
) -> Skills:
    """Return the skill of volunteers 0 to n_volunteers - 1, from their answers and from gold.

    One answer of a volunteer to a question of a subject counts: leave repeats out before.

    Args:
        gold: subjects, (G,), and what experts said, (G, K): fractions of each single-choice
            question sum to 1; NaN where it was not asked. Multiple choices are not read.

    Raises:
        SkillRefused: answers or gold are of another tree, or are none.
    """
    answers.check(tree, n_subjects=n_subjects, n_volunteers=n_volunteers)
    checked = None if gold is None else _checked(tree, gold, n_subjects)
    ordered = answers.in_order()
    asked = [_asked(ordered, question, checked) for question in tree.questions]
    weight, forecasts = _weigh(asked, n_volunteers)
    return Skills(
        tree,
        weight,
        **_agreement(forecasts, n_volunteers),
        n_gold=_count(np.concatenate([one.on_gold for one in asked if one]), n_volunteers),
        fits=tuple(None if one is None else one.fit() for one in asked),
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """The answers to a single-choice question, and its gold."""

    votes: Votes
    gold: Floats | None  # (subjects of the votes, classes); NaN where no expert said anything

    def fit(self) -> Fit:
        """Return the confusion matrices of this question."""
        return dawid_skene.fit(self.votes, gold=self.gold)

    @property
    def on_gold(self) -> Integers:
        """Return who gave each answer on gold."""
        if self.gold is None:
            return self.votes.volunteer[:0]
        known = np.asarray(np.isfinite(self.gold).all(1))
        return self.votes.volunteer[known[self.votes.row]]


def _asked(
    answers: Answers, question: Question, gold: tuple[Integers, Floats] | None
) -> _Asked | None:
    """Return what is known of a question; None for a multiple choice."""
    if not question.is_single:
        return None
    here = answers.of(answers.question == question.index)
    votes = Votes(
        here.subject, here.volunteer, here.answer - question.first_answer, len(question.answers)
    )
    if gold is None:
        return _Asked(votes, None)
    subjects, fractions = gold
    known = np.full((len(votes.subjects), votes.n_classes), np.nan)
    has_votes = np.isin(subjects, votes.subjects)
    rows = np.searchsorted(votes.subjects, subjects[has_votes])
    known[rows] = fractions[has_votes, span_of(question)]
    return _Asked(votes, known)


def _weigh(asked: list[_Asked | None], n_volunteers: int) -> tuple[Floats, list[Forecast]]:
    """Return everybody's weight, and the forecasts that were made with it."""
    weight, forecasts = _among_all(asked, n_volunteers)
    among_few = _among_few(asked, forecasts, n_volunteers)
    if among_few is None:
        return weight, forecasts
    return weights.weights(*_evidence(among_few), n_volunteers), among_few


def _among_all(asked: list[_Asked | None], n_volunteers: int) -> tuple[Floats, list[Forecast]]:
    """Return weights and forecasts where everybody counts until something speaks against it."""
    weight = np.ones(n_volunteers)
    for _ in range(weights.ROUNDS):
        forecasts = _forecasts(asked, weight)
        before, weight = weight, weights.weights(*_evidence(forecasts), n_volunteers)
        if (weight == before).all():
            return weight, forecasts
    return weight, _forecasts(asked, weight)


def _among_few(
    asked: list[_Asked | None], among_all: list[Forecast], n_volunteers: int
) -> list[Forecast] | None:
    """Return the forecasts of the few who look in a flood of answers; None where there is none."""
    shared = flood.Agreement([one.votes for one in among_all], n_volunteers)
    agreeing = shared.agreeing()
    if agreeing is None:
        return None
    forecasts, looks, likelihood = _settled(asked, agreeing, n_volunteers)
    _, usual = flood.looks(*_evidence(among_all), n_volunteers)
    is_flood = (
        shared.gave_most(1 - looks)
        and likelihood > usual + weights.BENEFIT
        and not shared.do_agree(1 - looks)
        and _do_follow_experts(asked, forecasts, looks)
    )
    return forecasts if is_flood else None


def _do_follow_experts(
    asked: list[_Asked | None], forecasts: list[Forecast], looks: Floats
) -> bool:
    """Say whether those who look say what experts said, beyond their habits; yes without gold."""
    beyond = [np.zeros(0)]
    for one, made in zip((one for one in asked if one), forecasts, strict=True):
        if one.gold is None:
            continue
        votes, experts = one.votes, one.gold[one.votes.row]
        known = np.flatnonzero(np.isfinite(experts).all(1) & (votes.volunteer != ANONYMOUS))
        by_habit = (made.habit[known] * experts[known]).sum(1)
        said = experts[known, votes.answer[known]]
        beyond.append(looks[votes.volunteer[known]] * (said - by_habit))
    found = np.concatenate(beyond)
    return not found.any() or bool(found.sum() > flood.CHANCE * np.sqrt((found**2).sum()))


def _settled(
    asked: list[_Asked | None], looks: Floats, n_volunteers: int
) -> tuple[list[Forecast], Floats, float]:
    """Return the forecasts by those who look, who they then are, and the log likelihood."""
    for _ in range(weights.ROUNDS):
        forecasts = _forecasts(asked, looks)
        before = looks
        looks, likelihood = flood.looks(*_evidence(forecasts), n_volunteers)
        if (looks == before).all():
            break
    return forecasts, looks, likelihood


def _forecasts(asked: list[_Asked | None], weight: Floats) -> list[Forecast]:
    everybody = np.append(weight, 1.0)  # ANONYMOUS, -1, is the last
    return [
        weights.forecast(one.votes, everybody[one.votes.volunteers], one.gold)
        for one in asked
        if one
    ]


def _evidence(forecasts: list[Forecast]) -> tuple[Integers, Floats, Floats]:
    """Return who gave each answer, and its probability if they look and by their habit, (M,)."""
    volunteer = np.concatenate([one.votes.volunteer for one in forecasts])
    looking = np.concatenate([one.looking_said for one in forecasts])
    habit = np.concatenate([one.habit_said for one in forecasts])
    known = volunteer != ANONYMOUS
    return volunteer[known], looking[known], habit[known]


def _agreement(forecasts: list[Forecast], n_volunteers: int) -> dict[str, Any]:
    """Return the means over each volunteer's answers that `Skills` has."""
    volunteer = np.concatenate([one.votes.volunteer for one in forecasts])
    n_answers = _count(volunteer, n_volunteers)

    def mean(name: str) -> Floats:
        values = np.concatenate([getattr(one, name) for one in forecasts])
        known = volunteer != ANONYMOUS
        sums = np.bincount(volunteer[known], values[known], minlength=n_volunteers)
        found: Floats = np.full(n_volunteers, np.nan)
        np.divide(sums, n_answers, out=found, where=n_answers > 0)
        return found

    return {
        "agreement": mean("crowd_said"),
        "expected": mean("expected"),
        "scatter": np.sqrt(mean("variance") / np.maximum(n_answers, 1)),
        "chance": mean("chance"),
        "n_answers": n_answers,
    }


def _count(volunteer: Integers, n_volunteers: int) -> Integers:
    return np.bincount(volunteer[volunteer != ANONYMOUS], minlength=n_volunteers)


def _checked(tree: Tree, gold: Gold, n_subjects: int) -> tuple[Integers, Floats]:
    """Return gold as arrays.

    Raises:
        SkillRefused: a subject is unknown or named twice, or fractions are none.
    """
    subjects = whole_numbers(gold[0], "gold subject", 0)
    below(subjects, n_subjects, "gold subject")
    fractions = np.asarray(gold[1], np.float64)
    if fractions.shape != (len(subjects), tree.n_answers):
        raise SkillRefused(
            f"The gold has fractions of shape {fractions.shape} for {len(subjects)} subjects and a "
            f"tree of {tree.n_answers} answers. Give ({len(subjects)}, {tree.n_answers})."
        )
    once, n_rows = np.unique(subjects, return_counts=True)
    if (n_rows > 1).any():
        raise SkillRefused(
            f"Gold subject {once[np.argmax(n_rows)]} is there {n_rows.max()} times. "
            f"Give it one row."
        )
    for question in tree.questions:
        if question.is_single:
            _check_fractions(fractions[:, span_of(question)], subjects, question.key)
    return subjects, fractions


def _check_fractions(fractions: Floats, subjects: Integers, key: str) -> None:
    asked = ~np.isnan(fractions).all(1)
    out = ~((fractions >= 0) & (fractions <= 1)).all(1) & asked
    if out.any():
        at = int(np.argmax(out))
        raise SkillRefused(
            f'Gold subject {subjects[at]} has {shown(fractions[at].tolist())} for "{key}". '
            f"Give every answer a fraction from 0 to 1, or leave all of them out."
        )
    total = fractions.sum(1)
    wrong = asked & (np.abs(total - 1) > _SUM_TOLERANCE)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise SkillRefused(
            f'The fractions of gold subject {subjects[at]} sum to {total[at]:.4g} for "{key}". '
            f"Make them sum to 1."
        )
