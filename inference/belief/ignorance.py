"""What a network does not know: how much its T samples disagree, in nats.

Mutual information between the next votes and which sample is right (Houlsby et al. 2011, BALD, as
Walmsley et al. 2020 use it); what all samples find vague alike is no ignorance of the network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.dirichlet import Array, dirichlet_multinomial, fractions, reached, span_of
from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Tree


def bald(alpha_mc: Array, tree: Tree, n_votes: int = 1) -> NDArray[np.float64]:
    """Return the mutual information of n_votes votes and the sample, (N, Q), nats.

    One vote is over all answers of a question. Of several votes each answer is judged against the
    rest, and the answers are averaged: their joint outcomes are too many to count.

    Args:
        alpha_mc: concentrations of T samples, (N, T, K).
        n_votes: 1 to choose who gets the next vote, about 40 to choose what to train on.
    """
    alpha_mc = np.asarray(alpha_mc, np.float64)
    found = np.zeros((len(alpha_mc), tree.n_questions))
    shares = fractions(alpha_mc, tree)
    for question in tree.questions:
        span = span_of(question)
        if n_votes == 1 and question.is_single:
            found[:, question.index] = disagreement(shares[:, :, span])
            continue
        alpha = alpha_mc[:, :, span]
        rest = (
            alpha.sum(-1, keepdims=True) - alpha
            if question.is_single
            else np.full_like(alpha, MULTIPLE_REST)
        )
        terms = disagreement(_beta_binomial(alpha, np.maximum(rest, 1e-12), n_votes))
        found[:, question.index] = terms.mean(-1) if question.is_single else terms.sum(-1)
    return found


def tree_bald(alpha_mc: Array, tree: Tree, n_votes: int = 1) -> NDArray[np.float64]:
    """Return the information summed over the questions a volunteer would be asked, (N,), nats."""
    if n_votes == 1 and all(question.is_single for question in tree.questions):
        mean, information = _of_one_vote(np.asarray(alpha_mc), tree)
    else:
        mean, information = fractions(alpha_mc, tree).mean(1), bald(alpha_mc, tree, n_votes)
    total: NDArray[np.float64] = (reached(mean, tree) * information).sum(-1)
    return total


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
    gained = (shares * np.log(shares)).mean(1) - mean * np.log(mean)  # per answer
    first = [question.first_answer for question in tree.questions]
    return mean, np.maximum(np.add.reduceat(gained, first, axis=1), 0)


def disagreement(probabilities: Array) -> NDArray[np.float64]:
    """Return H(mean) - mean(H) over the samples, nats.

    Args:
        probabilities: (N, T, ..., outcomes) summing to 1 over the last axis.
    """
    mixed = special.entr(probabilities.mean(1)).sum(-1)
    each = special.entr(probabilities).sum(-1).mean(1)
    gained: NDArray[np.float64] = np.maximum(mixed - each, 0.0)
    return gained


def _beta_binomial(alpha: Array, rest: Array, n_votes: int) -> NDArray[np.float64]:
    """Return the probability of 0 to n_votes votes, (N, T, answers, n_votes + 1)."""
    counts = np.arange(n_votes + 1, dtype=np.float64)
    pair = np.stack(np.broadcast_arrays(alpha, rest), -1)[..., None, :]
    outcomes = np.stack([counts, n_votes - counts], -1)
    return np.exp(dirichlet_multinomial(pair, outcomes))
