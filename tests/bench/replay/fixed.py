"""What is done today: every galaxy gets the same number of votes, and their shares are taken."""

import numpy as np

from tests.bench.replay.crowd import WouldBe
from tests.bench.replay.data import Campaign
from tests.bench.replay.measure import Figures, measured, raw_shares
from tests.bench.replay.tally import Ballots


def fixed(campaign: Campaign, would_be: WouldBe) -> list[Figures]:
    """Return the whole curve, from 1 vote a galaxy to all there are."""
    ballots, curve = Ballots.none(would_be), []
    for _ in range(would_be.volunteer.shape[1]):
        ballots.give(np.ones(len(campaign), bool))
        shares = raw_shares(ballots.tally(), campaign.tree)
        curve.append(measured(campaign, shares, ballots.given))
    return curve
