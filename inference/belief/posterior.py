"""What is believed of a galaxy: a network's word and people's votes as evidence of one kind.

The votes of a question are draws from fractions that nobody knows. A network says of them a
Dirichlet, people's votes add to its concentrations, and the sum is what is believed (the Dirichlet
is conjugate to the multinomial; Gelman et al., Bayesian Data Analysis, section 3.4). A vote may
weigh less than one. Each answer of a multiple choice has a Beta of its own.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.dirichlet import Array, reached, span_of
from inference.belief.leading import lead_probabilities
from inference.errors import EvidenceRefused, shown
from inference.formats.question import MULTIPLE_REST, Question
from inference.formats.tree import Tree

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed of N galaxies.

    `alpha` is the concentration of each answer, (N, K); `rest` that of what it stands against, (N,
    K): the other answers of a single choice, "not given" of a multiple choice.
    """

    tree: Tree
    alpha: Floats
    rest: Floats

    @cached_property
    def mean(self) -> Floats:
        """Return the expected fraction of those asked that give each answer, (N, K)."""
        found: Floats = self.alpha / (self.alpha + self.rest)
        return found

    @cached_property
    def variance(self) -> Floats:
        """Return the variance of each fraction, (N, K)."""
        found: Floats = self.mean * (1 - self.mean) / (self.alpha + self.rest + 1)
        return found

    def interval(self, mass: float = 0.9) -> tuple[Floats, Floats]:
        """Return the equal-tailed interval of each fraction that holds this mass, (N, K) each."""
        tail = (1 - mass) / 2
        return (
            special.betaincinv(self.alpha, self.rest, tail),
            special.betaincinv(self.alpha, self.rest, 1 - tail),
        )

    def leading(self) -> NDArray[np.int64]:
        """Return the answer of each question with the highest mean, (N, Q), on the axis."""
        found = np.empty((len(self.alpha), self.tree.n_questions), np.int64)
        for question in self.tree.questions:
            best = self.mean[:, span_of(question)].argmax(axis=1)
            found[:, question.index] = best + question.first_answer
        return found

    def leads(self, question: Question) -> Floats:
        """Return the probability that each answer leads its question, (N, answers).

        Of a multiple choice: that more than half of those asked give it.
        """
        span = span_of(question)
        if question.is_single:
            return lead_probabilities(self.alpha[:, span])
        half: Floats = special.betaincc(self.alpha[:, span], self.rest[:, span], 0.5)
        return half

    def reached(self) -> Floats:
        """Return the expected share of volunteers that are asked each question, (N, Q)."""
        return self._reached

    @cached_property
    def _reached(self) -> Floats:
        return reached(self.mean, self.tree)

    def part(self, rows: int | slice | NDArray[np.integer[Any]]) -> "Posterior":
        """Return what is believed of some of the galaxies, given by a place, places or a slice."""
        if isinstance(rows, int):
            rows = slice(rows, rows + 1)
        elif not isinstance(rows, slice) and len(rows) == len(self.alpha) == 1:
            return self  # with what it has computed already
        return Posterior(self.tree, self.alpha[rows], self.rest[rows])


def posterior(
    tree: Tree,
    weighted: Array,
    weighted_asked: Array | None = None,
    *,
    prior: Array | None = None,
    kappa: float | Array = 1.0,
) -> Posterior:
    """Return what is believed after people's votes.

    Args:
        weighted: votes by the weight of those who gave them, (N, K).
        weighted_asked: people who were asked each question, by weight, (N, Q); only a multiple
            choice needs it, as its votes do not say who gave none.
        prior: a network's concentrations, (N, K), of a multiple choice against MULTIPLE_REST; a
            row of NaN where no network has seen the galaxy, None where it has seen none. Without a
            network every fraction is as likely as any other.
        kappa: what the prior is worth, a factor or one for each question, (Q,).

    Raises:
        EvidenceRefused: numbers that are no votes or concentrations, or of another tree.
    """
    votes = _checked_votes(weighted, tree.n_answers, "votes")
    alpha, silent = _prior(tree, prior, kappa, len(votes))
    alpha += votes
    rest = _others(alpha, tree)
    if any(not question.is_single for question in tree.questions):
        asked = _asked(tree, weighted_asked, votes)
        spans = layout(tree)
        rest = np.where(
            spans.is_single, rest, silent + np.maximum(asked[:, spans.question] - votes, 0)
        )
    return Posterior(tree, alpha, rest)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where a tree's answers stand, as arrays."""

    first: NDArray[np.int64]  # (Q,) first answer of each question
    question: NDArray[np.int64]  # (K,)
    is_single: NDArray[np.bool_]  # (K,)


@lru_cache(maxsize=64)
def layout(tree: Tree) -> Layout:
    """Return where the answers stand; computed once a tree."""
    question = np.array([answer.question for answer in tree.answers], np.int64)
    single = np.array([one.is_single for one in tree.questions], bool)
    first = np.array([one.first_answer for one in tree.questions], np.int64)
    return Layout(first, question, single[question])


def _others(alpha: Floats, tree: Tree) -> Floats:
    """Return for each answer the sum of the other answers' concentrations, never below 0."""
    spans = layout(tree)
    total = np.add.reduceat(alpha, spans.first, axis=1)
    found: Floats = np.maximum(total[:, spans.question] - alpha, np.finfo(np.float64).tiny)
    return found


def _prior(
    tree: Tree, prior: Array | None, kappa: float | Array, n: int
) -> tuple[Floats, float | Floats]:
    """Return each answer's concentration before any vote, and of a multiple choice its rest."""
    if prior is None:
        return np.ones((n, tree.n_answers)), 1.0
    values = np.asarray(prior, np.float64)
    _check_shape(values, (n, tree.n_answers), "prior")
    factor = _factor(tree, kappa)
    told, silent = values * factor, MULTIPLE_REST * factor
    if _is_finite(values, values > 0):
        return told, silent
    unseen = np.isnan(values).all(axis=1)
    _check(values[~unseen], values[~unseen] > 0, "prior", "finite, and above 0")
    is_flat = np.expand_dims(unseen, 1)
    return np.where(is_flat, 1.0, told), np.where(is_flat, 1.0, silent)


def _factor(tree: Tree, kappa: float | Array) -> float | Floats:
    values = np.asarray(kappa, np.float64)
    if values.shape not in ((), (tree.n_questions,)):
        raise EvidenceRefused(
            f"kappa has the shape {values.shape}. Give one number, or one for each of the "
            f"{tree.n_questions} questions."
        )
    if not ((values > 0) & np.isfinite(values)).all():
        raise EvidenceRefused(f"kappa is {shown(values.tolist())}. Give numbers above 0.")
    if not values.shape:
        return float(values)
    each: Floats = values[layout(tree).question]
    return each


def _asked(tree: Tree, weighted_asked: Array | None, votes: Floats) -> Floats:
    if weighted_asked is None:
        raise EvidenceRefused(
            f'"{tree.title}" has a multiple choice, whose votes do not say who gave none. '
            f"Say how many people were asked."
        )
    asked = _checked_votes(weighted_asked, tree.n_questions, "people asked")
    if len(asked) != len(votes):
        raise EvidenceRefused(
            f"The votes are of {len(votes)} galaxies, the people asked of {len(asked)}. "
            f"Give one row a galaxy."
        )
    return asked


def _checked_votes(values: Array, width: int, what: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.ndim != 2:
        raise EvidenceRefused(f"The {what} have the shape {found.shape}. Give (galaxies, {width}).")
    _check_shape(found, (len(found), width), what)
    _check(found, found >= 0, what, "0 or more")
    return found


def _is_finite(values: Floats, is_good: NDArray[np.bool_]) -> bool:
    return bool(is_good.all()) and bool((values < np.inf).all())


def _check(values: Floats, is_good: NDArray[np.bool_], what: str, wanted: str) -> None:
    if _is_finite(values, is_good):
        return
    row, column = (int(place[0]) for place in np.nonzero(~(is_good & (values < np.inf))))
    raise EvidenceRefused(
        f"The {what} of answer {column} of galaxy {row} is {values[row, column]:g}. "
        f"It must be {wanted}."
    )


def _check_shape(values: NDArray[Any], wanted: tuple[int, int], what: str) -> None:
    if values.shape != wanted:
        raise EvidenceRefused(
            f"The {what} has the shape {values.shape}, but the tree wants {wanted}. "
            f"Was it made for another tree?"
        )
