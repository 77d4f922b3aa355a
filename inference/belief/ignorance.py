"""What a network does not know: how much its T samples disagree, in nats.

Mutual information between the next votes and which sample is right (Houlsby et al. 2011, BALD, as
Walmsley et al. 2020 use it); what all samples find vague alike is no ignorance of the network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.dirichlet import Array, beta_binomial, fractions, reached, rests, span_of
from inference.formats.question import Question
from inference.formats.tree import Tree

_BLOCK = 2_000_000  # probabilities held at once


def bald(alpha_mc: Array, tree: Tree, n_votes: int = 1) -> NDArray[np.float64]:
    """Return the mutual information of n_votes votes and the sample, (N, Q), nats.

    One vote of a single choice is over all answers. Of several votes each answer is judged against
    the rest, as their joint outcomes are too many to count, and the most telling answer counts:
    all together tell at least as much, and for two answers just that. The answers of a multiple
    choice are judged one by one and summed, as in the likelihood.

    Args:
        alpha_mc: concentrations of T samples, (N, T, K).
        n_votes: 1 to choose who gets the next vote, about 40 to choose what to train on.
    """
    alpha_mc = np.asarray(alpha_mc)
    found = np.zeros((len(alpha_mc), tree.n_questions))
    n_outcomes = alpha_mc.shape[1] * tree.n_answers * (n_votes + 1)
    step = max(1, _BLOCK // max(n_outcomes, 1))
    for start in range(0, len(alpha_mc), step):
        rows = slice(start, start + step)
        alpha = alpha_mc[rows].astype(np.float64)
        rest = rests(alpha, tree)
        for question in tree.questions:
            span = span_of(question)
            found[rows, question.index] = _information(
                alpha[..., span], rest[..., span], question, n_votes
            )
    return found


def tree_bald(alpha_mc: Array, tree: Tree, n_votes: int = 1) -> NDArray[np.float64]:
    """Return the information of a volunteer's whole walk, (N,), nats.

    Each question's, times the probability that it is asked by the samples' mean fractions.
    """
    alpha_mc = np.asarray(alpha_mc)
    if n_votes == 1 and all(question.is_single for question in tree.questions):
        mean, information = _of_one_vote(alpha_mc, tree)
    else:
        mean, information = fractions(alpha_mc, tree).mean(1), bald(alpha_mc, tree, n_votes)
    total: NDArray[np.float64] = (reached(mean, tree) * information).sum(-1)
    return total


def disagreement(probabilities: Array) -> NDArray[np.float64]:
    """Return H(mean) - mean(H) over the samples, nats.

    Args:
        probabilities: (N, T, ..., outcomes) summing to 1 over the last axis.
    """
    mixed = special.entr(probabilities.mean(1)).sum(-1)
    gained: NDArray[np.float64] = np.maximum(mixed - expected_entropy(probabilities), 0.0)
    return gained


def expected_entropy(probabilities: Array) -> NDArray[np.float64]:
    """Return mean(H) over the samples, nats: how vague a galaxy is, which no training mends.

    Args:
        probabilities: (N, T, ..., outcomes) summing to 1 over the last axis.
    """
    entropy: NDArray[np.float64] = special.entr(probabilities).sum(-1).mean(1)
    return entropy


def _information(
    alpha: NDArray[np.float64], rest: NDArray[np.float64], question: Question, n_votes: int
) -> NDArray[np.float64]:
    if question.is_single and n_votes == 1:
        return disagreement(alpha / alpha.sum(-1, keepdims=True))
    terms = disagreement(beta_binomial(alpha, rest, n_votes))
    told: NDArray[np.float64] = terms.max(-1) if question.is_single else terms.sum(-1)
    return told


def _of_one_vote(
    alpha_mc: NDArray[np.floating[Any]], tree: Tree
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Return mean shares (N, K) and information (N, Q) in the precision of the concentrations.

    A survey is predicted in float32, and this is a twentieth of the work of a small network then.
    """
    shares = np.empty_like(alpha_mc)
    for question in tree.questions:
        alpha = alpha_mc[:, :, span_of(question)]
        np.divide(alpha, alpha.sum(-1, keepdims=True), out=shares[:, :, span_of(question)])
    mean = shares.mean(1)
    least = np.finfo(shares.dtype).tiny  # a share may round to 0, and 0 log 0 is 0
    gained = (shares * np.log(np.maximum(shares, least))).mean(1)
    gained -= mean * np.log(np.maximum(mean, least))  # per answer
    first = [question.first_answer for question in tree.questions]
    return mean, np.maximum(np.add.reduceat(gained, first, axis=1), 0)
