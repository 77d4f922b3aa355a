"""Dirichlet concentrations over a tree: likelihood of votes, fractions, intervals, who is asked.

All functions take arrays whose first axis is the subjects, N, and whose last one is the answers of
the tree, K, and compute in float64. A multiple-choice answer is a Beta of its own against
MULTIPLE_REST, see formats/question.py.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.formats.question import MULTIPLE_REST, Question
from inference.formats.tree import Tree

Array = NDArray[np.floating[Any]]

_LEAST_REST = 1e-12  # where one answer's concentration drowns the others in rounding


def span_of(question: Question) -> slice:
    """Return the question's answers as a slice of the axis."""
    return slice(question.span.start, question.span.stop)


def log_likelihood(
    alpha: Array, votes: Array, tree: Tree, asked: Array | None = None, *, coefficient: bool = True
) -> NDArray[np.float64]:
    """Return the log-probability of each question's votes, (N, Q), nats; 0 where nobody was asked.

    Dirichlet-multinomial for a single choice, beta-binomial for each answer of a multiple choice.

    Args:
        alpha: concentrations > 0, (N, K).
        votes: people who gave each answer, (N, K); need not be whole.
        asked: people who were asked each question, (N, Q); only a multiple choice needs it.
        coefficient: count the orders in which the votes may have come, as a probability does.

    Raises:
        ValueError: a multiple choice without `asked`: its votes do not say who gave none.
    """
    found = np.zeros((len(alpha), tree.n_questions))
    for question in tree.questions:
        span = span_of(question)
        people = None if asked is None else np.asarray(asked)[:, question.index]
        found[:, question.index] = question_log_likelihood(
            np.asarray(alpha)[:, span],
            np.asarray(votes)[:, span],
            question,
            people,
            coefficient=coefficient,
        )
    return found


def question_log_likelihood(
    alpha: Array,
    votes: Array,
    question: Question,
    people: Array | None = None,
    *,
    coefficient: bool = True,
) -> NDArray[np.float64]:
    """Return `log_likelihood` of one question, (N,), from its own answers, (N, answers).

    Args:
        people: who were asked it, (N,).
    """
    alpha, votes = np.asarray(alpha, np.float64), np.asarray(votes, np.float64)
    if question.is_single:
        return dirichlet_multinomial(alpha, votes, coefficient=coefficient)
    if people is None:
        raise ValueError(f'"{question.key}" is a multiple choice: say how many people were asked')
    silent = np.maximum(np.asarray(people, np.float64)[:, None] - votes, 0)
    pair = np.stack([alpha, np.full_like(alpha, MULTIPLE_REST)], -1)
    split = np.stack([votes, silent], -1)
    terms: NDArray[np.float64] = dirichlet_multinomial(pair, split, coefficient=coefficient).sum(-1)
    return terms


def dirichlet_multinomial(
    alpha: Array, votes: Array, *, coefficient: bool = True
) -> NDArray[np.float64]:
    """Return log P(votes | alpha) over the last axis, nats."""
    lgamma = special.gammaln
    total, people = alpha.sum(-1), votes.sum(-1)
    value = lgamma(total) - lgamma(total + people)
    value = value + (lgamma(alpha + votes) - lgamma(alpha)).sum(-1)
    if coefficient:
        value = value + lgamma(people + 1) - lgamma(votes + 1).sum(-1)
    return np.asarray(value, np.float64)


def beta_binomial(alpha: Array, rest: Array, n_votes: int) -> NDArray[np.float64]:
    """Return the probability that 0, 1, … of n_votes people give an answer, (..., n_votes + 1).

    Args:
        alpha: concentration of the answer; rest: of everything else, of the same shape.
    """
    alpha, rest = np.asarray(alpha, np.float64)[..., None], np.asarray(rest, np.float64)[..., None]
    given = np.arange(n_votes, dtype=np.float64)
    # One logarithm a count: each probability over the one before.
    ratio = (n_votes - given) * (alpha + given) / ((given + 1) * (rest + n_votes - given - 1))
    value = np.zeros((*ratio.shape[:-1], n_votes + 1))
    np.cumsum(np.log(ratio, out=ratio), axis=-1, out=value[..., 1:])
    value -= value.max(-1, keepdims=True)
    np.exp(value, out=value)
    value /= value.sum(-1, keepdims=True)
    return value


def strengths(alpha: Array, tree: Tree) -> NDArray[np.float64]:
    """Return for each answer the concentration of everything in its question, (N, K)."""
    total = np.array(alpha, np.float64)
    for question in tree.questions:
        span = span_of(question)
        if question.is_single:
            total[..., span] = total[..., span].sum(-1, keepdims=True)
        else:
            total[..., span] += MULTIPLE_REST
    return total


def rests(alpha: Array, tree: Tree) -> NDArray[np.float64]:
    """Return for each answer the concentration of all others, (N, K); never quite 0."""
    rest: NDArray[np.float64] = np.maximum(strengths(alpha, tree) - alpha, _LEAST_REST)
    return rest


def fractions(alpha: Array, tree: Tree) -> NDArray[np.float64]:
    """Return the expected share of a question's volunteers that give each answer, (N, K)."""
    return np.array(alpha, np.float64) / strengths(alpha, tree)


def variances(alpha: Array, tree: Tree) -> NDArray[np.float64]:
    """Return the variance of each share, (N, K): that of Beta(alpha, total - alpha)."""
    total = strengths(alpha, tree)
    share: NDArray[np.float64] = np.array(alpha, np.float64) / total
    return share * (1 - share) / (total + 1)


def intervals(
    alpha: Array, tree: Tree, mass: float = 0.9
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the equal-tailed interval of each share that holds this mass: lower, upper (N, K)."""
    alpha, rest = np.asarray(alpha, np.float64), rests(alpha, tree)
    tail = (1 - mass) / 2
    return special.betaincinv(alpha, rest, tail), special.betaincinv(alpha, rest, 1 - tail)


def reached(shares: Array, tree: Tree) -> NDArray[np.float64]:
    """Return the probability that a volunteer is asked each question, (N, Q).

    The product of the shares along the way there, summed over all ways; the first one is 1.
    """
    shares = np.asarray(shares, np.float64)
    if shares.ndim == 2 and len(shares) == 1:  # a vote waits for it: plain numbers are faster
        return np.minimum([_reached(shares[0].tolist(), tree)], 1.0)
    found = np.empty((*shares.shape[:-1], tree.n_questions))
    for index, share in enumerate(_reached(np.moveaxis(shares, -1, 0), tree)):
        found[..., index] = np.minimum(share, 1.0)
    return found


def _reached(shares: Any, tree: Tree) -> list[Any]:
    """Return `reached` of each question, from the shares of each answer: numbers or arrays."""
    found: list[Any] = [0.0] * tree.n_questions
    found[0] = 1.0
    for question, answer, following in _ways(tree):
        here = found[question] if answer is None else found[question] * shares[answer]
        found[following] = found[following] + here
    return found


@lru_cache(maxsize=64)
def _ways(tree: Tree) -> tuple[tuple[int, int | None, int], ...]:
    """Return what leads to what, parents first: question, answer if it depends on it, question."""
    found: list[tuple[int, int | None, int]] = []
    for question in parents_first(tree):
        if question.is_single:
            found += [
                (question.index, answer.index, answer.next)
                for answer in question.answers
                if answer.next is not None
            ]
        elif question.next is not None:
            found.append((question.index, None, question.next))
    return tuple(found)


@lru_cache(maxsize=64)
def parents_first(tree: Tree) -> tuple[Question, ...]:
    """Return the questions so that each comes after all that lead to it; found once a tree."""
    n_ways = [0] * tree.n_questions
    for question in tree.questions:
        for index in question.nexts:
            n_ways[index] += 1
    ordered, ready = [], [0]
    while ready:
        question = tree.questions[ready.pop()]
        ordered.append(question)
        for index in question.nexts:
            n_ways[index] -= 1
            if not n_ways[index]:
                ready.append(index)
    return tuple(ordered)
