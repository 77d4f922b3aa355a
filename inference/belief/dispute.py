"""How far people and a network disagree about a galaxy, in standard deviations.

The votes that the network expects of n people are Dirichlet-multinomial: each answer's count is
beta-binomial, with the mean n p and the variance n p (1 - p) (S + n) / (S + 1) for concentrations
of the sum S. So few votes and an unsure network make no dispute.
"""

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import Array
from inference.belief.posterior import layout, posterior
from inference.formats.tree import Tree


def dispute(
    tree: Tree, concentrations: Array, votes: Array, asked: Array, *, at_least: int = 5
) -> NDArray[np.float64]:
    """Return the largest deviation of any answer's count from what the network expects, (N,).

    Args:
        concentrations: of the network, (N, K); votes: people, (N, K); asked: people, (N, Q).
        at_least: questions that fewer people were asked are left out; 0 where all are.

    Raises:
        EvidenceRefused: the shapes are not the tree's, or a number is none.
    """
    nobody = np.zeros(np.shape(votes)), np.zeros(np.shape(asked))
    said = posterior(tree, *nobody, prior=concentrations)
    people = np.asarray(asked, np.float64)[:, layout(tree).question]
    total = said.alpha + said.rest
    variance = people * said.mean * (1 - said.mean) * (total + people) / (total + 1)
    deviation = np.abs(np.asarray(votes) - people * said.mean)
    found: NDArray[np.float64] = np.where(
        people >= at_least, deviation / np.sqrt(np.maximum(variance, 1e-12)), 0.0
    ).max(axis=1)
    return found
