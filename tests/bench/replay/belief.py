"""What is believed of galaxies: concentrations of a network plus weighted votes."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.dirichlet import fractions, reached, span_of
from inference.formats.tree import Tree

Floats = NDArray[np.float64]


def believed(tree: Tree, weighted: Floats, prior: Floats | None) -> Floats:
    """Return the posterior's concentrations, (N, K); without a network 1 an answer is added."""
    return weighted + (1.0 if prior is None else prior)


def certainty(tree: Tree, alpha: Floats) -> Floats:
    """Return the probability that the first question's leading answer leads the next one, (N,)."""
    first = np.sort(alpha[:, span_of(tree.questions[0])], axis=1)
    found: Floats = 1 - special.betainc(first[:, -1], first[:, -2], 0.5)
    return found


def question_gain(tree: Tree, alpha: Floats) -> Floats:
    """Return what the next volunteer's answer tells about each question, (N, Q), nats."""
    asked = reached(fractions(alpha, tree), tree)
    told = [_information(alpha[:, span_of(question)]) for question in tree.questions]
    return asked * np.stack(told, 1)


def _information(alpha: Floats) -> Floats:
    total = alpha.sum(1, keepdims=True)
    share = alpha / total
    vague = special.digamma(total + 1)[:, 0] - (share * special.digamma(alpha + 1)).sum(1)
    told: Floats = special.entr(share).sum(1) - vague
    return told
