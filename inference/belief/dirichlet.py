"""Dirichlet concentrations over a tree: likelihood of votes, fractions, intervals, who is asked.

All functions take arrays whose first axis is the subjects, N, and whose last one is the answers of
the tree, K, and compute in float64. A multiple-choice answer is a Beta of its own against
MULTIPLE_REST, see formats/question.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.formats.question import MULTIPLE_REST, Question
from inference.formats.tree import Tree

Array = NDArray[np.floating[Any]]


def span_of(question: Question) -> slice:
    """Return the question's answers as a slice of the axis."""
    return slice(question.span.start, question.span.stop)


def log_likelihood(
    alpha: Array, votes: Array, asked: Array, tree: Tree, *, coefficient: bool = True
) -> NDArray[np.float64]:
    """Return the log-probability of each question's votes, (N, Q), nats; 0 where nobody was asked.

    Dirichlet-multinomial for a single choice, beta-binomial for each answer of a multiple choice.

    Args:
        alpha: concentrations > 0, (N, K).
        votes: people who gave each answer, (N, K); need not be whole.
        asked: people who were asked each question, (N, Q); only multiple choice needs it.
        coefficient: count the orders in which the votes may have come, as a probability does.
    """
    alpha, votes = np.asarray(alpha, np.float64), np.asarray(votes, np.float64)
    found = np.zeros((len(alpha), tree.n_questions))
    for question in tree.questions:
        span = span_of(question)
        a, k = alpha[:, span], votes[:, span]
        if question.is_single:
            found[:, question.index] = dirichlet_multinomial(a, k, coefficient=coefficient)
        else:
            people = np.asarray(asked, np.float64)[:, question.index, None]
            pair = np.stack([a, np.full_like(a, MULTIPLE_REST)], -1)
            split = np.stack([k, np.maximum(people - k, 0)], -1)
            terms = dirichlet_multinomial(pair, split, coefficient=coefficient)
            found[:, question.index] = terms.sum(-1)
    return found


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


def strengths(alpha: Array, tree: Tree) -> NDArray[np.float64]:
    """Return for each answer the concentration of everything in its question, (N, K)."""
    alpha = np.array(alpha, np.float64)
    total = np.empty_like(alpha)
    for question in tree.questions:
        span = span_of(question)
        if question.is_single:
            total[..., span] = alpha[..., span].sum(-1, keepdims=True)
        else:
            total[..., span] = alpha[..., span] + MULTIPLE_REST
    return total


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
    alpha = np.array(alpha, np.float64)
    rest = np.maximum(strengths(alpha, tree) - alpha, 1e-12)
    tail = (1 - mass) / 2
    return special.betaincinv(alpha, rest, tail), special.betaincinv(alpha, rest, 1 - tail)


def reached(shares: Array, tree: Tree) -> NDArray[np.float64]:
    """Return the probability that a volunteer is asked each question, (N, Q).

    The product of the shares along the way there, summed over all ways; the first one is 1.
    """
    shares = np.asarray(shares, np.float64)
    found = np.zeros((*shares.shape[:-1], tree.n_questions))
    found[..., 0] = 1
    for question in parents_first(tree):
        here = found[..., question.index]
        if not question.is_single:
            if question.next is not None:
                found[..., question.next] += here
            continue
        for answer in question.answers:
            if answer.next is not None:
                found[..., answer.next] += here * shares[..., answer.index]
    return np.minimum(found, 1.0)


def parents_first(tree: Tree) -> list[Question]:
    """Return the questions so that each comes after all that lead to it."""
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
    return ordered
