"""How near an arm came to what the whole crowd said. Only here is the crowd's answer looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import reached, span_of
from inference.formats.tree import Tree
from tests.bench.replay.data import Campaign, leading

CLEAR = 0.6  # leading share of a galaxy whose answer a crowd agrees on
MOSTLY_ASKED = 0.5  # share of people who reach a question, for its fractions to be judged
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Figures:
    """What a number of votes reached on the judged galaxies.

    Attributes:
        campaign_votes: a galaxy, over all galaxies of the campaign, also those that only teach.
        judged_votes: a galaxy, over the judged ones.
        clear: agreement on galaxies whose leading answer has at least 0.6 of the votes.
        agreement: on all judged galaxies, with the whole crowd's leading answer.
        first_rmse: of the first question's fractions.
        tree_rmse: of the shares of all people, over all answers of the tree; the challenge's.
        asked_rmse: of the fractions within the questions that most people reach.
    """

    campaign_votes: float
    judged_votes: float
    clear: float
    agreement: float
    first_rmse: float
    tree_rmse: float
    asked_rmse: float

    @property
    def votes(self) -> float:
        """Return the votes a galaxy that all else is held against: the larger of both means."""
        return max(self.campaign_votes, self.judged_votes)


def measured(
    campaign: Campaign,
    shares: NDArray[np.float64],
    given: NDArray[np.int64],
    among: NDArray[np.bool_] | None = None,
    clear_of: Campaign | None = None,
) -> Figures:
    """Return the figures of estimated shares within each question, (N, K).

    Args:
        given: votes collected, (N,).
        among: galaxies to measure on instead of the judged ones, (N,); for tuning.
        clear_of: says which galaxies are clear, if `campaign` has fewer classes than volunteers.
    """
    rows = campaign.judged if among is None else among
    first = span_of(campaign.tree.questions[0])
    truth, estimate = campaign.fractions[rows], shares[rows]
    leader, leading_share = leading(campaign)[0][rows], leading(clear_of or campaign)[1][rows]
    hits = _hits(estimate[:, first], leader)
    clear = leading_share >= CLEAR - _ROUNDING
    within, of_all = _errors(campaign.tree, truth, estimate, campaign.questions[rows])
    return Figures(
        campaign_votes=float(given.mean()),
        judged_votes=float(given[rows].mean()),
        clear=float(hits[clear].mean()),
        agreement=float(hits.mean()),
        first_rmse=_rms(estimate[:, first] - truth[:, first]),
        tree_rmse=_rms(of_all),
        asked_rmse=_rms(within),
    )


def raw_shares(tally: NDArray[np.float64], tree: Tree) -> NDArray[np.float64]:
    """Return the shares of the votes themselves, (N, K); all alike where nobody was asked."""
    found = np.empty_like(tally)
    for question in tree.questions:
        span = span_of(question)
        people = tally[:, span].sum(1, keepdims=True)
        found[:, span] = 1 / len(question.answers)
        np.divide(tally[:, span], people, out=found[:, span], where=people > 0)
    return found


def _hits(estimate: NDArray[np.float64], leader: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 where the leader leads, parts where several do, (n,)."""
    leads = estimate >= estimate.max(1, keepdims=True) - 1e-12
    right: NDArray[np.float64] = leads[np.arange(len(leader)), leader] / leads.sum(1)
    return right


def _errors(
    tree: Tree,
    truth: NDArray[np.float64],
    estimate: NDArray[np.float64],
    published: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return errors within the questions mostly asked, and those of shares of all people."""
    known = np.nan_to_num(truth)
    asked = reached(known, tree)
    within = []
    of_all = []
    expected = reached(estimate, tree)
    for question in tree.questions:
        span, index = span_of(question), question.index
        error = estimate[:, span] - truth[:, span]
        counts = (asked[:, index] >= MOSTLY_ASKED) & np.isfinite(error).all(1)
        within.append(error[counts].ravel())
        share = expected[:, index, None] * estimate[:, span]
        true_share = asked[:, index, None] * known[:, span]
        of_all.append((share - true_share)[published[:, index]].ravel())
    return np.concatenate(within), np.concatenate(of_all)


def _rms(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(errors**2)))
