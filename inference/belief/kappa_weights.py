"""The weights of Galaxy Zoo 2 (Willett et al. 2013), to compare with: consistency with the others.

A vote's kappa is the mean over a question's answers of how well it fits: the answer's share of the
votes where it was given, one less the share where it was not. A volunteer's is the mean over their
votes, and w = min(1, (kappa / 0.6) ** 8.5), in three rounds in which shares count by weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.answers import ANONYMOUS, Answers
from inference.errors import SkillRefused
from inference.formats.tree import Tree

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROUNDS = 3
_FULL = 0.6
_POWER = 8.5


@dataclass(frozen=True, eq=False)
class KappaWeights:
    """Weight and consistency of each volunteer, (V,); 1 and NaN of one without answers."""

    weight: Floats
    kappa: Floats


def kappa_weights(
    tree: Tree, answers: Answers, *, n_subjects: int, n_volunteers: int, rounds: int = ROUNDS
) -> KappaWeights:
    """Return the weights of volunteers 0 to V - 1.

    Raises:
        SkillRefused: the answers are of another tree, or somebody is ANONYMOUS.
    """
    answers.check(tree, n_subjects=n_subjects, n_volunteers=n_volunteers)
    if (answers.volunteer == ANONYMOUS).any():
        raise SkillRefused(
            f"{(answers.volunteer == ANONYMOUS).sum()} answers are by nobody known, who has no "
            f"kappa. Leave them out or number their browsers."
        )
    answers = answers.in_order()
    n_answers = np.array([len(question.answers) for question in tree.questions])
    weight, kappa = np.ones(n_volunteers), np.full(n_volunteers, np.nan)
    n_votes = np.bincount(answers.volunteer, minlength=n_volunteers)
    for _ in range(rounds):
        of_votes = _kappas(answers, weight[answers.volunteer], n_answers)
        sums = np.bincount(answers.volunteer, of_votes, minlength=n_volunteers)
        np.divide(sums, n_votes, out=kappa, where=n_votes > 0)
        weight = weight_of(kappa)
    return KappaWeights(weight, kappa)


def weight_of(kappa: Floats) -> Floats:
    """Return the weight of a consistency; 1 where it is unknown."""
    found: Floats = np.minimum(1.0, (np.nan_to_num(kappa, nan=_FULL) / _FULL) ** _POWER)
    return found


def consistency(shares: Floats) -> Floats:
    """Return kappa of a vote for each answer of a question, from the votes' shares, (..., A)."""
    n = shares.shape[-1]
    others = (1 - shares).sum(-1, keepdims=True) - (1 - shares)
    found: Floats = (shares + others) / n
    return found


def _kappas(answers: Answers, weight: Floats, n_answers: Integers) -> Floats:
    """Return the kappa of each vote, (M,)."""
    asked = answers.subject * len(n_answers) + answers.question
    node, places = np.unique(asked, return_inverse=True)
    given, cells = np.unique(np.stack([places, answers.answer]), axis=1, return_inverse=True)
    total = np.bincount(places, weight, minlength=len(node))
    votes = np.bincount(cells.ravel(), weight, minlength=given.shape[1])
    share = np.zeros(len(votes))
    np.divide(votes, total[given[0]], out=share, where=total[given[0]] > 0)
    # As `consistency`, without a column for answers that nobody gave: shares sum to 1.
    n = n_answers[answers.question]
    found: Floats = (2 * share[cells.ravel()] + n - 2) / n
    return found
