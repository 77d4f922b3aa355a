"""Volunteers as they are: a few answer much, most are careful, some are not, and some spam.

Each galaxy gets one fixed sequence of would-be votes, drawn before any policy runs: the v-th
person to look at a galaxy says the same in every arm.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from inference.belief.dirichlet import parents_first, span_of
from inference.formats.tree import Tree
from tests.bench.replay.data import Campaign

AGREEMENT = "volunteer_answers/radio_galaxy_zoo_volunteer_gold_agreement.csv"
ACTIVITY = "volunteer_answers/snapshots_at_sea_answers.csv"
SPAM_PEOPLE, SPAM_VOTES = 0.01, 0.08  # Galaxy Zoo DECaLS cut out 1.1 % of people, 11 % of votes
MOST_VOTES = 40  # would-be votes of a galaxy
SILENT = -1  # a question that a person was not asked


@dataclass(frozen=True, eq=False)
class Crowd:
    """P people.

    Attributes:
        care: chance to look before answering, (P,); otherwise people answer what is usual.
        activity: share of all votes, (P,).
        spams: (P,); half of the spammers click at random, half press the bad-image button.
    """

    care: NDArray[np.float64]
    activity: NDArray[np.float64]
    spams: NDArray[np.bool_]

    @property
    def presses_artifact(self) -> NDArray[np.bool_]:
        """Say who always presses the bad-image button, (P,)."""
        return self.spams & (np.cumsum(self.spams) % 2 == 1)


@dataclass(frozen=True, eq=False)
class WouldBe:
    """What the v-th person to look at a galaxy says of it.

    Attributes:
        volunteer: who looks, (N, V).
        answers: axis index of the answer to each question, SILENT if not asked, int8 (N, V, Q).
        n_people: would-be votes there are, (N,); V, or fewer where real people were counted.
        questions: what a galaxy's volunteers may be asked, (N, Q).
    """

    tree: Tree
    volunteer: NDArray[np.int64]
    answers: NDArray[np.int8]
    n_people: NDArray[np.int64]
    questions: NDArray[np.bool_]


def draw_crowd(folder: Path, rng: np.random.Generator, n_people: int = 1000) -> Crowd:
    """Return people with the spread of skill of Radio Galaxy Zoo, the activity of Snapshots at Sea.

    Skill: agreement with experts on gold subjects is beta-binomial over people; a Beta is fitted
    by likelihood to all 3,141 of whom some is known, so that few gold subjects do not look like a
    wide spread. Who agrees with the experts as often as a vote does on average, or more, always
    looks; who agrees half as often looks half of the time.
    """
    shape = _fitted_beta(*_agreements(folder / AGREEMENT))
    agreement = rng.beta(*shape, size=n_people)
    care = np.minimum(1.0, agreement * sum(shape) / shape[0])
    activity = rng.choice(_answers_given(folder / ACTIVITY), n_people).astype(np.float64)
    spams = np.zeros(n_people, bool)
    spams[: max(2, round(SPAM_PEOPLE * n_people))] = True
    activity[~spams] *= (1 - SPAM_VOTES) / activity[~spams].sum()
    activity[spams] = SPAM_VOTES / spams.sum()
    return Crowd(care, activity, spams)


def draw_votes(
    campaign: Campaign, crowd: Crowd, rng: np.random.Generator, most: int = MOST_VOTES
) -> WouldBe:
    """Return the would-be votes of each galaxy; nobody looks at a galaxy twice.

    The published fractions are those of a whole crowd, careless people in it: whoever looks is
    therefore surer than the fractions, so far that the crowd without spammers has them again (as
    far as no share becomes negative). Spammers come on top, as both surveys cut them out before
    publishing. Where people were counted, the counted ones come in random order, each once.
    """
    usual = _usual(campaign)
    honest = ~crowd.spams
    careless = 1 - float(np.average(crowd.care[honest], weights=crowd.activity[honest]))
    n, tree = len(campaign), campaign.tree
    volunteer = _lookers(crowd, rng, n, most)
    looks = rng.random((n, most)) < crowd.care[volunteer]
    answers = np.empty((n, most, tree.n_questions), np.int8)
    n_people = np.full(n, most)
    for place in range(n):
        spams = crowd.spams[volunteer[place]]
        seen = _surer(campaign.fractions[place], usual, careless, tree)
        walk = np.where(
            looks[place][:, None],
            _by_chance(tree, seen, most, rng),
            _by_chance(tree, np.where(np.isfinite(seen), usual, np.nan), most, rng),
        )
        if campaign.is_counted[place]:
            real, seats = _by_counts(tree, campaign.counts[place], rng), np.flatnonzero(~spams)
            walk[seats[: len(real)]] = real[: len(seats)]
            n_people[place] = seats[len(real)] if len(seats) > len(real) else most
        walk[spams] = _spam(tree, crowd, volunteer[place][spams], rng)
        answers[place] = walk
    return WouldBe(tree, volunteer, answers, n_people, campaign.questions)


def _usual(campaign: Campaign) -> NDArray[np.float64]:
    """Return the mean fractions of the campaign, (K,): what people say who do not look."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(
            np.nansum(campaign.fractions, 0) / np.isfinite(campaign.fractions).sum(0)
        )


def _surer(
    fractions: NDArray[np.float64], usual: NDArray[np.float64], careless: float, tree: Tree
) -> NDArray[np.float64]:
    """Return the shares of those who look, (K,), if all together have these fractions."""
    seen = np.maximum(fractions - careless * usual, 0)
    for question in tree.questions:
        span = span_of(question)
        seen[span] /= max(float(seen[span].sum()), 1e-12)
    return seen


def _spam(
    tree: Tree, crowd: Crowd, who: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Return walks of spammers, (n, Q): every answer alike, or the bad-image button."""
    even = np.concatenate([np.full(len(q.answers), 1 / len(q.answers)) for q in tree.questions])
    walk = _by_chance(tree, even, len(who), rng)
    presses = crowd.presses_artifact[who]
    walk[presses] = SILENT
    walk[presses, 0] = tree.artifacts[0].index
    return walk


def _lookers(crowd: Crowd, rng: np.random.Generator, n: int, most: int) -> NDArray[np.int64]:
    """Return distinct people for each galaxy, (n, most), as they come (Gumbel's trick)."""
    weight = np.log(crowd.activity)
    found = np.empty((n, most), np.int64)
    for place in range(n):
        keys = weight + rng.gumbel(size=len(weight))
        best = np.argpartition(-keys, most)[:most]
        found[place] = best[np.argsort(-keys[best])]
    return found


def _by_chance(
    tree: Tree, shares: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Return n walks, (n, Q), that give each answer with its share.

    A question that the table does not have is passed as if its last answer were given, which in
    every tree leads on toward the end.
    """
    walk = np.full((n, tree.n_questions), SILENT, np.int8)
    is_asked = np.zeros((n, tree.n_questions), bool)
    is_asked[:, 0] = True
    for question in parents_first(tree):
        here = is_asked[:, question.index]
        of_question = shares[span_of(question)]
        chosen = np.full(n, len(of_question) - 1)
        if np.isfinite(of_question).all() and question.is_single:
            edges = np.cumsum(of_question)
            chosen = np.minimum((rng.random((n, 1)) * edges[-1] >= edges).sum(1), chosen)
            walk[here, question.index] = question.span.start + chosen[here]
        _walk_on(tree, question.index, chosen, here, is_asked)
    return walk


def _walk_on(
    tree: Tree,
    index: int,
    chosen: NDArray[np.int64],
    here: NDArray[np.bool_],
    is_asked: NDArray[np.bool_],
) -> None:
    for number, answer in enumerate(tree.questions[index].answers):
        if answer.next is not None:
            is_asked[here & (chosen == number), answer.next] = True


def _by_counts(
    tree: Tree, counts: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Return the walks of the real people in random order, (people, Q).

    Their answers to each question are as counted; who of those asked gave which is not published,
    so that is drawn.
    """
    n = int(counts[span_of(tree.questions[0])].sum())
    walk = np.full((n, tree.n_questions), SILENT, np.int8)
    is_asked = np.zeros((n, tree.n_questions), bool)
    is_asked[:, 0] = True
    for question in parents_first(tree):
        seats = rng.permutation(np.flatnonzero(is_asked[:, question.index]))
        given = np.repeat(np.array(question.span), counts[span_of(question)].astype(np.int64))
        walk[seats[: len(given)], question.index] = given[: len(seats)]
        chosen = np.where(
            walk[:, question.index] == SILENT,
            len(question.answers) - 1,
            walk[:, question.index] - question.span.start,
        )
        _walk_on(tree, question.index, chosen, is_asked[:, question.index].copy(), is_asked)
    return walk


def _agreements(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gold subjects agreed with and seen, of everybody who saw one."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(float(line["agreed"]), float(line["gs_seen"])) for line in csv.DictReader(file)]
    agreed, seen = np.array([row for row in rows if row[1] > 0]).T
    return agreed, seen


def _fitted_beta(agreed: NDArray[np.float64], seen: NDArray[np.float64]) -> tuple[float, float]:
    """Return the Beta over people under which these agreements are likeliest."""

    def loss(logs: NDArray[np.float64]) -> float:
        a, b = np.exp(logs)
        terms = special.betaln(agreed + a, seen - agreed + b) - special.betaln(a, b)
        return -float(terms.sum())

    a, b = np.exp(optimize.minimize(loss, np.zeros(2), method="Nelder-Mead").x)
    return float(a), float(b)


def _answers_given(path: Path) -> NDArray[np.int64]:
    """Return how many answers each person gave."""
    with path.open(newline="", encoding="utf-8") as file:
        people = Counter(line["user_name"] for line in csv.DictReader(file))
    return np.array(sorted(people.values()))
