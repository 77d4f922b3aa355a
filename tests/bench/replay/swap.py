"""SWAP as in Galaxy Zoo Express (Marshall et al. 2016; Beck et al. 2018): one yes-or-no question.

A galaxy is featured or it is not. Each person has a chance to see it where it is and where it is
not, learned from galaxies whose answer experts gave; each vote moves the galaxy by Bayes' rule.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import span_of
from tests.bench.replay.crowd import WouldBe
from tests.bench.replay.data import Campaign, leading
from tests.bench.replay.measure import Figures, measured
from tests.bench.replay.tally import Ballots

PRIOR, FEATURED_FROM, NOT_FROM = 0.5, 0.99, 0.004  # as published for Galaxy Zoo Express
GOLD_SHARE = 0.1  # of the galaxies that do not judge: experts' answers, never retired
_SKEPTICISM = 2.0  # votes of nobody that a person's chances begin with
FEATURED = 1  # place of the answer within the first question, in all of Galaxy Zoo's trees


def swap(campaign: Campaign, would_be: WouldBe, rng: np.random.Generator) -> list[Figures]:
    """Return a point after each round, in which every galaxy that is not retired gets a vote.

    Agreement is that of two classes, featured or not, so it has less to get wrong than the others'.
    """
    two = _two_classes(campaign)
    is_gold = ~campaign.judged & (rng.random(len(campaign)) < GOLD_SHARE)
    if not is_gold.any():  # all judge: some galaxies are given to experts, and judge no more
        is_gold = rng.random(len(campaign)) < GOLD_SHARE
        two = replace(two, judged=campaign.judged & ~is_gold)
    featured = leading(two)[0] == FEATURED
    belief = np.full(len(campaign), PRIOR)
    people = _People(int(would_be.volunteer.max()) + 1)
    ballots, curve = Ballots.none(would_be), []
    for number in range(would_be.volunteer.shape[1]):
        unsure = (belief < FEATURED_FROM) & (belief > NOT_FROM)
        asked = (unsure | is_gold) & ballots.open
        if not (asked & ~is_gold).any():
            break
        says = would_be.answers[asked, number, 0] == span_of(campaign.tree.questions[0]).start + 1
        who = would_be.volunteer[asked, number]
        belief[asked] = people.moved(belief[asked], who, says)
        ballots.give(asked)
        gold = is_gold[asked]
        people.learn(who[gold], says[gold], featured[asked][gold])
        curve.append(measured(two, _shares(two, belief), ballots.given, clear_of=campaign))
    return curve


class _People:
    """Chances of each person to be right: where it is featured, and where it is not."""

    def __init__(self, n: int) -> None:
        self.right = np.full((2, n), _SKEPTICISM / 2)
        self.seen = np.full((2, n), _SKEPTICISM)

    def moved(
        self, belief: NDArray[np.float64], who: NDArray[np.int64], says: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the belief after one vote on each galaxy."""
        right = np.clip(self.right / self.seen, 0.01, 0.99)
        if_not = np.where(says, 1 - right[0, who], right[0, who])
        if_so = np.where(says, right[1, who], 1 - right[1, who])
        moved: NDArray[np.float64] = belief * if_so / (belief * if_so + (1 - belief) * if_not)
        return moved

    def learn(
        self, who: NDArray[np.int64], says: NDArray[np.bool_], featured: NDArray[np.bool_]
    ) -> None:
        """Count answers to galaxies that experts answered."""
        kind = featured.astype(np.int64)
        np.add.at(self.right, (kind, who), says == featured)
        np.add.at(self.seen, (kind, who), 1)


def _two_classes(campaign: Campaign) -> Campaign:
    """Return the campaign with the first question as featured or not, not featured in one place."""
    first = span_of(campaign.tree.questions[0])
    fractions = campaign.fractions.copy()
    fractions[:, first] = 0
    fractions[:, first.start + FEATURED] = campaign.fractions[:, first.start + FEATURED]
    fractions[:, first.start] = 1 - fractions[:, first.start + FEATURED]
    return replace(campaign, fractions=fractions)


def _shares(campaign: Campaign, belief: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the belief as shares; of all other questions SWAP says nothing."""
    shares = np.zeros_like(campaign.fractions)
    for question in campaign.tree.questions:
        shares[:, span_of(question)] = 1 / len(question.answers)
    first = span_of(campaign.tree.questions[0])
    shares[:, first] = 0
    shares[:, first.start] = 1 - belief
    shares[:, first.start + FEATURED] = belief
    return shares
