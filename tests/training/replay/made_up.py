"""A campaign whose galaxies and people are made up, for tests of the replay."""

import numpy as np

from tests.bench.replay.crowd import Crowd, draw_votes
from tests.bench.replay.data import Campaign
from tests.training import sky


def campaign(n=200, *, counted=False, seed=0):
    """Galaxies of all kinds, of the two-question tree; half of them judge."""
    rng = np.random.default_rng(seed)
    tree = sky.tree()
    fractions = np.concatenate(
        [rng.dirichlet([1.0, 1.0, 0.1], n), rng.dirichlet([0.7, 0.7], n)], axis=1
    )
    counts = np.full((n, tree.n_answers), np.nan)
    if counted:
        counts = np.zeros((n, tree.n_answers))
        counts[:, :3] = [rng.multinomial(20, shares[:3]) for shares in fractions]
        asked = counts[:, 1].astype(int)
        pairs = zip(asked, fractions, strict=True)
        counts[:, 3:] = [rng.multinomial(people, shares[3:]) for people, shares in pairs]
    return Campaign(
        name="made up",
        tree=tree,
        subject_ids=tuple(f"galaxy-{number}" for number in range(n)),
        fractions=fractions,
        counts=counts,
        questions=np.ones((n, tree.n_questions), bool),
        judged=np.arange(n) % 2 == 0,
    )


def crowd(n=300, *, care=1.0, spammers=0, spam_votes=0.0):
    """People who answer alike much; the first ones spam."""
    spams = np.arange(n) < spammers
    activity = np.where(spams, spam_votes / max(spammers, 1), 0.0)
    activity[~spams] = (1 - activity.sum()) / (~spams).sum()
    return Crowd(np.full(n, care), activity, spams)


def features(campaign, seed=0):
    """What pictures show: the fractions, blurred."""
    rng = np.random.default_rng(seed)
    seen = campaign.fractions + 0.1 * rng.standard_normal(campaign.fractions.shape)
    return seen.astype(np.float32)


def votes(campaign, people=None, most=40, seed=0):
    """Would-be votes of a made-up crowd."""
    return draw_votes(campaign, people or crowd(), np.random.default_rng(seed), most)
