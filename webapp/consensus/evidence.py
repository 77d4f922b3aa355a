"""What tallies and priors say together; no database here."""

from collections.abc import Sequence

import numpy as np

from inference.belief.gain import gain
from inference.belief.posterior import Posterior, posterior
from inference.formats.tree import Tree
from webapp.consensus.models import Consensus


def belief(rows: Sequence[Consensus], tree: Tree) -> Posterior:
    """Return the posterior of galaxies whose tallies are along this tree, one row each."""
    unknown = [np.nan] * tree.n_answers
    has_prior = any(row.prior is not None for row in rows)
    prior = [row.prior or unknown for row in rows] if has_prior else None
    return posterior(
        tree,
        np.array([row.weighted for row in rows], np.float64),
        np.array([row.weighted_asked for row in rows], np.float64),
        prior=None if prior is None else np.array(prior, np.float64),
    )


def gains(known: Posterior) -> list[float]:
    """Return what the next volunteer's walk would tell of each galaxy, nats."""
    return [float(value) for value in gain(known)]


def first_gain(tree: Tree) -> float:
    """Return the gain of a galaxy of which nothing is known yet, nats."""
    nothing = np.zeros((1, tree.n_answers)), np.zeros((1, tree.n_questions))
    return gains(posterior(tree, *nothing))[0]
