"""Dawid and Skene (1979): what people's answers say of a class, and of the people.

Each volunteer has a confusion matrix: the probability of each answer (columns) for each class that
a galaxy may be of (rows). EM goes back and forth between the classes' probabilities and the
matrices. Two things are added: a galaxy may be of several classes to a degree that experts said
(gold), and a matrix is drawn toward the crowd's own, the more the fewer answers it rests on.
"""

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inference.belief.answers import ANONYMOUS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

STRENGTH = 3.0  # answers for each class that the pooled matrix counts as, beside a volunteer's own
ROUNDS = 200
TOLERANCE = 1e-6  # nats an answer by which a round must raise the likelihood

_POOLED_ANSWERS = 4.0  # answers a class that start the pooled matrix: mostly right
_POOLED_RIGHT = 0.75
_TINY = np.finfo(np.float64).tiny
_LEAST = 1e-10  # probability of what was never seen, where there is no prior


@dataclass(frozen=True, eq=False)
class Votes:
    """The answers to one question, its answers numbered from 0.

    People and subjects that do not occur take no room: those that do are numbered anew.
    """

    subject: Integers  # (M,)
    volunteer: Integers  # (M,); ANONYMOUS for nobody known
    answer: Integers  # (M,), 0 to n_classes - 1
    n_classes: int

    @cached_property
    def subjects(self) -> Integers:
        """Return the subjects that have answers, ascending, (N',)."""
        return np.unique(self.subject)

    @cached_property
    def volunteers(self) -> Integers:
        """Return who gave them, ascending, (V',); ANONYMOUS first, if any."""
        return np.unique(self.volunteer)

    @cached_property
    def row(self) -> Integers:
        """Return each answer's place in `subjects`, (M,)."""
        return np.searchsorted(self.subjects, self.subject)

    @cached_property
    def person(self) -> Integers:
        """Return each answer's place in `volunteers`, (M,)."""
        return np.searchsorted(self.volunteers, self.volunteer)

    @cached_property
    def table(self) -> sparse.csr_array:
        """Return how often each volunteer gave each answer to each subject, (N', V' * A)."""
        columns = self.person * self.n_classes + self.answer
        shape = (len(self.subjects), len(self.volunteers) * self.n_classes)
        ones = np.ones(len(self.answer))
        return sparse.coo_array((ones, (self.row, columns)), shape=shape).tocsr()

    @cached_property
    def table_by_answer(self) -> sparse.csr_array:
        """Return the same table turned, (V' * A, N')."""
        return self.table.T.tocsr()

    @cached_property
    def shares(self) -> Floats:
        """Return the share of each answer among a subject's, (N', A)."""
        n_cells = len(self.subjects) * self.n_classes
        counts = np.bincount(self.row * self.n_classes + self.answer, minlength=n_cells)
        counts = counts.reshape(-1, self.n_classes)
        found: Floats = counts / counts.sum(1, keepdims=True)
        return found


@dataclass(frozen=True, eq=False)
class Fit:
    """What EM found. Classes and answers are the same list."""

    subjects: Integers  # (N',)
    volunteers: Integers  # (V',)
    confusion: Floats  # (V', classes, answers); rows sum to 1
    pooled: Floats  # (classes, answers)
    prior: Floats  # (classes,): how common each class is
    probability: Floats  # (N', classes)
    n_rounds: int

    def confusion_of_all(self, n_volunteers: int) -> Floats:
        """Return a matrix for everybody, (V, classes, answers): the pooled one for strangers."""
        found = np.tile(self.pooled, (n_volunteers, 1, 1))
        known = self.volunteers != ANONYMOUS
        found[self.volunteers[known]] = self.confusion[known]
        return found


def fit(
    votes: Votes,
    *,
    gold: Floats | None = None,
    strength: float = STRENGTH,
    rounds: int = ROUNDS,
    tolerance: float = TOLERANCE,
) -> Fit:
    """Return what EM finds, starting from the shares of the answers. The same every time.

    Args:
        gold: what experts said of each subject of `votes.subjects`, (N', classes); NaN for the
            others. It stays as it is.
        strength: answers for each class that the pooled matrix counts as; 0 is plain EM.
    """
    probability = _with_gold(votes.shares, gold)
    least = tolerance * max(len(votes.answer), 1)
    n_rounds, evidence, gained = 0, -np.inf, np.inf
    while n_rounds < rounds and gained >= least:
        n_rounds += 1
        confusion, pooled = _matrices(votes, probability, strength)
        prior = _normalized(probability.sum(0) + (1.0 if strength else 0.0))
        found, log_evidence = _probabilities(votes, confusion, prior)
        probability = _with_gold(found, gold)
        gained, evidence = log_evidence - evidence, log_evidence
    return Fit(votes.subjects, votes.volunteers, confusion, pooled, prior, probability, n_rounds)


def class_probabilities(votes: Votes, confusion: Floats, prior: Floats) -> Floats:
    """Return P(class | answers) of each subject in `votes.subjects`, (N', classes).

    Args:
        confusion: of each volunteer in `votes.volunteers`, (V', classes, answers).
        prior: how common each class is, (classes,), or of each subject, (N', classes).
    """
    matrices, prior = np.asarray(confusion, np.float64), np.asarray(prior, np.float64)
    return _probabilities(votes, matrices, prior)[0]


def _probabilities(votes: Votes, confusion: Floats, prior: Floats) -> tuple[Floats, float]:
    """Return the classes' probabilities and the log-likelihood of all answers."""
    log_said = np.log(np.maximum(confusion, _TINY))
    log_prior = np.log(np.maximum(prior, _TINY))
    by_answer = log_said.transpose(0, 2, 1).reshape(-1, votes.n_classes)
    found = votes.table @ by_answer + log_prior
    # A row is a few numbers: columns are many times faster than `max(1)` and `sum(1)`.
    highest = reduce(np.maximum, found.T)[:, None]
    found -= highest
    np.exp(found, out=found)
    total = (found @ np.ones(votes.n_classes))[:, None]
    found /= total
    return found, float((highest + np.log(total)).sum())


def _matrices(votes: Votes, probability: Floats, strength: float) -> tuple[Floats, Floats]:
    """Return everybody's matrix and the pooled one, given how probable each class is."""
    n = votes.n_classes
    counts = (votes.table_by_answer @ probability).reshape(-1, n, n).transpose(0, 2, 1)
    pooled = _normalized(counts.sum(0) + _POOLED_ANSWERS * _mostly_right(n))
    if strength:
        confusion = _normalized(counts + strength * pooled)
    else:
        confusion = _normalized(np.maximum(counts, _LEAST))
    confusion[votes.volunteers == ANONYMOUS] = pooled
    return confusion, pooled


def _mostly_right(n: int) -> Floats:
    wrong = (1 - _POOLED_RIGHT) / max(n - 1, 1)
    return np.full((n, n), wrong) + np.eye(n) * (_POOLED_RIGHT - wrong)


def _normalized(values: Floats) -> Floats:
    found: Floats = values / values.sum(-1, keepdims=True)
    return found


def _with_gold(probability: Floats, gold: Floats | None) -> Floats:
    if gold is None:
        return probability
    return np.where(np.isnan(gold), probability, gold)
