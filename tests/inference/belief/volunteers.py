"""Volunteers of known skill, and galaxies of known shares or classes, that they answer about."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from inference.belief.answers import Answers

DATA = Path(__file__).parents[4] / "shared" / "data" / "volunteer_answers"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is absent")

_FEWEST_GOLD = 10  # gold subjects that somebody must have seen to say how good they are


@dataclass(frozen=True)
class Crowd:
    """Answers to the first question, and what is true."""

    answers: Answers
    n_subjects: int
    n_volunteers: int
    truth: np.ndarray  # classes (N,), or shares (N, A)

    @property
    def sizes(self):
        return {"n_subjects": self.n_subjects, "n_volunteers": self.n_volunteers}


def spread_of_skill():
    """Return how often people of Radio Galaxy Zoo agreed with the experts, one value a person."""
    with (DATA / "radio_galaxy_zoo_volunteer_gold_agreement.csv").open(newline="") as file:
        rows = [(int(row["agreed"]), int(row["gs_seen"])) for row in csv.DictReader(file)]
    agreed, seen = np.array([row for row in rows if row[1] >= _FEWEST_GOLD]).T
    return (agreed + 1) / (seen + 2)


def crowd_of_classes(
    skill, *, n_subjects=2000, each=10, n_volunteers=200, priors=(0.5, 0.35, 0.15), seed=0
):
    """Return a crowd that answers about galaxies of one class each, 0 to len(priors) - 1.

    Args:
        skill: probabilities that somebody is right, drawn from; all errors are equally likely.
    """
    chance = np.random.default_rng(seed)
    n = len(priors)
    right = chance.choice(skill, n_volunteers)
    truth = chance.choice(n, n_subjects, p=priors)
    subject, volunteer = _looks(chance, n_subjects, each, n_volunteers)
    is_right = chance.random(len(subject)) < right[volunteer]
    errors = (truth[subject] + chance.integers(1, n, len(subject))) % n
    said = np.where(is_right, truth[subject], errors)
    return Crowd(first_question(subject, volunteer, said), n_subjects, n_volunteers, truth)


def crowd_of_shares(
    clickers=(),
    *,
    n_subjects=2000,
    each=10,
    n_volunteers=200,
    concentrations=(0.7, 0.7, 0.2),
    seed=0,
):
    """Return an honest crowd before galaxies that divide it: people draw from the galaxy's shares.

    Args:
        clickers: volunteers who answer at random.
    """
    chance = np.random.default_rng(seed)
    n = len(concentrations)
    shares = chance.dirichlet(concentrations, n_subjects)
    subject, volunteer = _looks(chance, n_subjects, each, n_volunteers)
    said = _drawn(chance, shares[subject])
    at_random = chance.integers(n, size=len(said))
    said = np.where(np.isin(volunteer, list(clickers)), at_random, said)
    return Crowd(first_question(subject, volunteer, said), n_subjects, n_volunteers, shares)


def flooded(crowd, *, fakes=500, each=67, says=(1 / 3, 1 / 3, 1 / 3), seed=0):
    """Return a crowd with the answers of fake accounts, numbered after its people.

    Args:
        each: their answers to a galaxy.
        says: how often they give each answer, whatever the galaxy.
    """
    chance = np.random.default_rng(seed)
    subject, fake = _looks(chance, crowd.n_subjects, each, fakes)
    said = chance.choice(len(says), len(subject), p=says)
    given = together(crowd.answers, first_question(subject, crowd.n_volunteers + fake, said))
    return Crowd(given, crowd.n_subjects, crowd.n_volunteers + fakes, crowd.truth)


def together(*answers):
    """Return all these answers to question 0."""
    columns = ("subject", "volunteer", "answer")
    return first_question(*(np.concatenate([getattr(a, c) for a in answers]) for c in columns))


def first_question(subject, volunteer, said):
    """Return answers to question 0."""
    return Answers(subject, volunteer, np.zeros(len(said), np.int64), said)


def _looks(chance, n_subjects, each, n_volunteers):
    """Return who sees what, nobody anything twice: subject and volunteer, (N * each,)."""
    volunteer = chance.random((n_subjects, n_volunteers)).argpartition(each - 1, 1)[:, :each]
    return np.repeat(np.arange(n_subjects), each), volunteer.ravel()


def _drawn(chance, shares):
    above = chance.random(len(shares))[:, None] > shares.cumsum(1)
    return np.minimum(above.sum(1), shares.shape[1] - 1)
