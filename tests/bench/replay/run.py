"""All arms of all campaigns for one seed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.replay.crowd import WouldBe, draw_crowd, draw_votes
from tests.bench.replay.data import Campaign
from tests.bench.replay.fixed import fixed
from tests.bench.replay.learner import HeadSettings, Learner
from tests.bench.replay.measure import Figures, measured
from tests.bench.replay.ours import Policy, Site, Snapshot, by_gain, by_rule
from tests.bench.replay.swap import swap
from tests.bench.replay.tally import Ballots

FIXED, SWAP = "fixed", "SWAP"
ALONE, NETWORK = "ours, no network", "ours, network from nothing"
ALONE_TREE, NETWORK_TREE = "by gain, no network", "by gain, network from nothing"

Curves = dict[str, list[Figures]]


@dataclass(frozen=True)
class Settings:
    """What a replay follows beside its seed."""

    policy: Policy = field(default_factory=Policy)
    head: HeadSettings = field(default_factory=HeadSettings)
    every: int = 1  # take every n-th galaxy only: a short form

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def taking_part(campaign: Campaign, settings: Settings) -> Campaign:
    """Return the galaxies of a campaign that these settings take."""
    return campaign.part(np.arange(0, len(campaign), settings.every))


def replay(
    campaign: Campaign,
    data: Path,
    seed: int,
    settings: Settings,
    features: NDArray[np.float32] | None = None,
) -> Curves:
    """Return each arm's curve; the would-be votes are drawn once, before any arm runs.

    Args:
        data: folder of the public tables.
        features: of the campaign's pictures, (N, F); without them no arm has a network.
    """
    rng = np.random.default_rng(seed)
    would_be = draw_votes(campaign, draw_crowd(data, rng), rng)
    curves = {
        FIXED: fixed(campaign, would_be),
        SWAP: swap(campaign, would_be, np.random.default_rng(seed)),
        ALONE: _judged(campaign, by_rule(_site(campaign, would_be, seed, settings, None))),
        ALONE_TREE: _judged(campaign, by_gain(_site(campaign, would_be, seed, settings, None))),
    }
    if features is not None:
        rule = by_rule(_site(campaign, would_be, seed, settings, features))
        gain = by_gain(_site(campaign, would_be, seed, settings, features))
        curves |= {NETWORK: _judged(campaign, rule), NETWORK_TREE: _judged(campaign, gain)}
    return curves


def _site(
    campaign: Campaign,
    would_be: WouldBe,
    seed: int,
    settings: Settings,
    features: NDArray[np.float32] | None,
) -> Site:
    """Return a new site; of the campaign it gets the galaxies' names and no more."""
    learner = None
    if features is not None:
        learner = Learner(features, campaign.subject_ids, would_be.tree, settings.head, seed)
    rng = np.random.default_rng([seed, 1])
    return Site(Ballots.none(would_be), learner, settings.policy, rng)


def _judged(campaign: Campaign, snapshots: Iterable[Snapshot]) -> list[Figures]:
    return [measured(campaign, snapshot.shares, snapshot.given) for snapshot in snapshots]
