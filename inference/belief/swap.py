"""SWAP (Marshall et al. 2016), the way of Space Warps: one yes-or-no question, Bayes, vote by vote.

A volunteer is two numbers: how probable "yes" is where it is right, and "no" where that is. A
subject is the probability that "yes" is right. It is Dawid and Skene with two classes and matrices
that only gold has taught; `dawid_skene.class_probabilities` gives the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Agents:
    """What volunteers are worth."""

    yes: Floats  # (V,) probability that they say yes where it is right
    no: Floats  # (V,) probability that they say no where that is right

    def confusion(self) -> Floats:
        """Return them as confusion matrices, (V, class, answer), with yes before no."""
        yes = np.stack([self.yes, 1 - self.yes], -1)
        no = np.stack([1 - self.no, self.no], -1)
        return np.stack([yes, no], -2)

    def information(self) -> Floats:
        """Return what one answer of theirs tells of a subject at even odds, (V,), in bits."""
        said_yes = (self.yes + 1 - self.no) / 2
        spread = (_entropy(self.yes) + _entropy(self.no)) / 2
        found: Floats = _entropy(said_yes) - spread
        return found


def agents_of(
    volunteer: ArrayLike,
    said_yes: ArrayLike,
    is_yes: ArrayLike,
    n_volunteers: int,
    *,
    skepticism: float = 0.0,
    most: float = 1.0,
) -> Agents:
    """Return the volunteers that answers to gold subjects make: (right + n0 / 2) / (all + n0).

    Args:
        volunteer, said_yes, is_yes: of each answer to gold, (M,): who, what, and what is right.
        skepticism: answers beyond 2 that a beginner's even odds count as: n0 = 2 + skepticism.
        most: cap of both probabilities.
    """
    who = np.asarray(volunteer, np.int64)
    said, right = np.asarray(said_yes, np.bool_), np.asarray(is_yes, np.bool_)

    def rate(there: NDArray[np.bool_]) -> Floats:
        n = np.bincount(who[there], minlength=n_volunteers)
        correct = np.bincount(who[there & (said == right)], minlength=n_volunteers)
        start = 2 + skepticism
        return np.minimum((correct + start / 2) / (n + start), most)

    return Agents(rate(right), rate(~right))


def updated(probability: Any, said_yes: Any, yes: Any, no: Any) -> Any:
    """Return P(yes is right) after one more answer; numbers or arrays.

    Args:
        yes, no: the volunteer's, as in `Agents`.
    """
    if_yes = np.where(said_yes, yes, 1 - yes) * probability
    if_no = np.where(said_yes, 1 - no, no) * (1 - probability)
    return if_yes / (if_yes + if_no)


def posteriors(
    subject: ArrayLike,
    volunteer: ArrayLike,
    said_yes: ArrayLike,
    agents: Agents,
    *,
    n_subjects: int,
    prior: float = 0.5,
) -> Floats:
    """Return P(yes is right) of each subject after all its answers, (N,)."""
    step = _steps(np.asarray(volunteer), np.asarray(said_yes, np.bool_), agents)
    odds = np.bincount(np.asarray(subject), step, minlength=n_subjects)
    return _probability(odds + np.log(prior / (1 - prior)))


def trajectories(
    subject: ArrayLike,
    volunteer: ArrayLike,
    said_yes: ArrayLike,
    agents: Agents,
    *,
    prior: float = 0.5,
) -> Floats:
    """Return P(yes is right) of each answer's subject right after that answer, (M,).

    Args:
        subject, volunteer, said_yes: answers in the order in which they came.
    """
    subject = np.asarray(subject)
    step = _steps(np.asarray(volunteer), np.asarray(said_yes, np.bool_), agents)
    order = np.argsort(subject, kind="stable")
    running = np.cumsum(step[order])
    first = np.searchsorted(subject[order], subject[order])
    before = np.where(first > 0, running[first - 1], 0.0)
    odds = np.empty(len(step))
    odds[order] = running - before
    return _probability(odds + np.log(prior / (1 - prior)))


def _steps(volunteer: Integers, said_yes: NDArray[np.bool_], agents: Agents) -> Floats:
    """Return how far each answer moves the log-odds; finite even for who is never wrong."""
    yes, no = agents.yes[volunteer], agents.no[volunteer]
    if_yes = np.where(said_yes, yes, 1 - yes)
    if_no = np.where(said_yes, 1 - no, no)
    tiny = np.finfo(np.float64).tiny
    found: Floats = np.log(np.maximum(if_yes, tiny)) - np.log(np.maximum(if_no, tiny))
    return found


def _probability(log_odds: Floats) -> Floats:
    found: Floats = 0.5 * (1 + np.tanh(log_odds / 2))
    return found


def _entropy(probability: Floats) -> Floats:
    p = np.clip(np.stack([probability, 1 - probability]), np.finfo(np.float64).tiny, 1)
    found: Floats = -(p * np.log2(p)).sum(0)
    return found
