"""Our policies: belief from a network and weighted votes says who is shown, and who is done.

They see ballots and what a learner makes of pictures; what the whole crowd said they never see.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.calibration import fit_scales, scaled
from inference.belief.certainty import Certainty
from inference.belief.dirichlet import span_of
from inference.belief.gain import question_gain
from inference.belief.posterior import Posterior, posterior
from inference.belief.retirement import Rule
from inference.belief.skill import Answers, estimate_skills
from inference.formats.tree import Tree
from tests.bench.replay.crowd import SILENT
from tests.bench.replay.learner import Learner
from tests.bench.replay.tally import Ballots

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Policy:
    """Numbers that a campaign's owner would set; chosen on galaxies that do not judge.

    Attributes:
        certainties: of the first question's leading answer, raised step by step.
        most: votes after which a galaxy is done whatever is believed.
        worth: votes that a network's opinion on a question counts as, at most.
        retrain_at: votes a galaxy on average at which people are weighed and the network learns.
        random_share: of the galaxies, drawn at random, that get `random_votes` at the start: single
            votes cannot tell how much a network's opinion is worth.
        share_a_round: of the galaxies that get a vote before the gain is computed again.
        budget: votes a galaxy, of the arm that follows the gain.
    """

    certainties: tuple[float, ...] = (
        *(0.6, 0.68, 0.74, 0.79, 0.83, 0.87, 0.9, 0.93, 0.95, 0.965, 0.98, 0.99),
    )
    most: int = 40
    worth: float = 6.0
    retrain_at: tuple[float, ...] = (1.0, 1.6, 2.4, 3.6, 5.5)
    random_share: float = 0.1
    random_votes: int = 3
    share_a_round: float = 0.1
    budget: float = 4.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What is believed at some moment: shares within each question (N, K), votes given (N,)."""

    shares: Floats
    given: NDArray[np.int64]


class Site:
    """One campaign under way: the ballots, the network's opinion and people's weights."""

    def __init__(
        self, ballots: Ballots, learner: Learner | None, policy: Policy, rng: np.random.Generator
    ) -> None:
        self.ballots, self.learner, self.policy = ballots, learner, policy
        self.tree = ballots.would_be.tree
        self.weight: Floats | None = None
        self.prior: Floats | None = None
        self._waiting = list(policy.retrain_at)
        self._begin(rng)

    def _begin(self, rng: np.random.Generator) -> None:
        """Give everybody one vote, without which there is nothing to learn, and a few some more."""
        n = len(self.ballots.given)
        self.ballots.give(np.ones(n, bool))
        chosen = rng.random(n) < self.policy.random_share
        for _ in range(self.policy.random_votes - 1):
            self.ballots.give(chosen)
        self.refresh()

    def refresh(self) -> bool:
        """Weigh people and train again if so many votes have come in as is waited for.

        Returns:
            Whether what is believed of all galaxies has changed.
        """
        due = [mark for mark in self._waiting if self.ballots.votes_per_galaxy >= mark]
        if not due:
            return False
        self._waiting = self._waiting[len(due) :]
        self.weight = self._weights()
        if self.learner is not None:
            self.prior = self._opinion(self.learner)
        return True

    def belief(self, among: NDArray[np.int64] | slice = slice(None)) -> Posterior:
        """Return what is believed of these galaxies."""
        prior = None if self.prior is None else self.prior[among]
        votes = self.ballots.tally(self.weight, among)
        return posterior(self.tree, votes, _asked(self.tree, votes), prior=prior)

    def snapshot(self) -> Snapshot:
        """Return what is believed now."""
        return Snapshot(self.belief().mean, self.ballots.given.copy())

    def _weights(self) -> Floats:
        """Return what each person's vote counts, learned from the votes so far, (P,)."""
        galaxy, volunteer, answers = self.ballots.collected()
        row, question = np.nonzero(answers != SILENT)
        said = answers[row, question].astype(np.int64)
        return estimate_skills(
            self.tree,
            Answers(galaxy[row], volunteer[row], question, said),
            n_subjects=len(self.ballots.given),
            n_volunteers=int(self.ballots.would_be.volunteer.max()) + 1,
        ).weight

    def _opinion(self, learner: Learner) -> Floats:
        """Return the network's concentrations, calibrated by the votes so far, (N, K).

        Each galaxy is predicted by a network that never saw its votes, so its votes may judge it.
        """
        votes = self.ballots.tally(self.weight)
        alpha = learner.retrain(votes)
        scales = fit_scales(alpha, votes, _asked(self.tree, votes), self.tree)
        prior = scaled(alpha, scales, self.tree)
        for question in self.tree.questions:
            span = span_of(question)
            strength = prior[:, span].sum(1, keepdims=True)
            prior[:, span] *= np.minimum(1, self.policy.worth / strength)
        return prior


def by_rule(site: Site) -> Iterator[Snapshot]:
    """Retire galaxies by a rule of the site; when all are retired, raise how certain is enough.

    A snapshot is taken whenever all galaxies are retired, so each is a campaign that has ended.
    """
    for enough in site.policy.certainties:
        rule = _rule(site.tree, enough, site.policy)
        everybody = np.arange(len(site.ballots.given))
        unsure = _unsure(site, rule, everybody)
        while len(unsure):
            site.ballots.give(np.isin(everybody, unsure))
            unsure = _unsure(site, rule, everybody if site.refresh() else unsure)
        yield site.snapshot()


def by_gain(site: Site, every: float = 0.25) -> Iterator[Snapshot]:
    """Show the galaxies whose next vote tells most about the whole tree, to the end of a budget.

    Args:
        every: votes a galaxy between two snapshots.
    """
    n = len(site.ballots.given)
    n_a_round = max(1, round(site.policy.share_a_round * n))
    due = site.ballots.votes_per_galaxy
    while site.ballots.votes_per_galaxy < site.policy.budget and site.ballots.open.any():
        if site.ballots.votes_per_galaxy >= due:
            yield site.snapshot()
            due += every
        wanted = np.zeros(n, bool)
        wanted[np.argsort(-_gain(site), kind="stable")[:n_a_round]] = True
        site.ballots.give(wanted)
        site.refresh()
    yield site.snapshot()


def _asked(tree: Tree, votes: Floats) -> Floats:
    """Return who was asked each question, (n, Q); multiple choices are asked of nobody here."""
    return np.stack([votes[:, span_of(question)].sum(1) for question in tree.questions], 1)


def _rule(tree: Tree, enough: float, policy: Policy) -> Rule:
    """Return the rule: the first question is certain, and a person has said so too."""
    first = tree.questions[0].key
    part = Certainty(enough, votes=1, people=1, reached=0.0, questions=(first,), width=None)
    return Rule(tree, policy.most, certainty=part)


def _unsure(site: Site, rule: Rule, among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of these galaxies are not retired and have somebody left to look at them."""
    counts = site.ballots.tally(among=among).astype(np.int64)
    given = site.ballots.given[among]
    retired = rule.verdicts(counts, given, posterior=site.belief(among)).retired
    return among[~retired & site.ballots.open[among]]


def _gain(site: Site) -> Floats:
    """Return what the next volunteer tells of each galaxy, (N,), nats; -1 where nobody is left.

    A galaxy whose table lacks questions is not asked them, so there is nothing to gain of these.
    """
    known = site.belief()
    told = question_gain(known) * known.reached() * site.ballots.would_be.questions
    return np.where(site.ballots.open, told.sum(1), -1.0)
