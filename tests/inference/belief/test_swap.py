"""The anchors are worked by hand from the published formulas."""

import numpy as np
import pytest

from inference.belief.dawid_skene import Votes, class_probabilities
from inference.belief.swap import Agents, agents_of, posteriors, trajectories, updated

YES, NO = True, False


def test_a_subject_follows_the_published_steps():
    agents = Agents(np.array([0.8, 0.6]), np.array([0.7, 0.9]))
    found = trajectories([0] * 4, [0, 0, 0, 1], [YES, YES, NO, YES], agents)
    assert found == pytest.approx([0.727273, 0.876712, 0.670157, 0.924188], abs=1e-6)
    last = posteriors([0] * 4, [0, 0, 0, 1], [YES, YES, NO, YES], agents, n_subjects=1)
    assert last == pytest.approx(found[-1:])


def test_one_update_is_bayes():
    assert updated(0.5, YES, 0.8, 0.7) == pytest.approx(0.727273, abs=1e-6)
    assert updated(0.876712, NO, 0.8, 0.7) == pytest.approx(0.670157, abs=1e-6)


def votes_until(skill, said, prior, is_there):
    """Return how many people of one skill, all of one mind, bring a subject there."""
    agents = Agents(np.array([skill]), np.array([skill]))
    n = 50
    found = trajectories([0] * n, [0] * n, [said] * n, agents, prior=prior)
    return int(np.argmax(is_there(found))) + 1


@pytest.mark.parametrize(("skill", "to_yes", "to_no"), [(0.7, 6, 7), (0.8, 4, 4), (0.9, 3, 3)])
def test_from_even_odds_so_many_agreeing_votes_decide(skill, to_yes, to_no):
    assert votes_until(skill, YES, 0.5, lambda p: p > 0.99) == to_yes
    assert votes_until(skill, NO, 0.5, lambda p: p < 0.004) == to_no


def test_a_rare_lens_needs_six_good_votes_and_four_refuse_it():
    assert votes_until(0.9, YES, 2e-4, lambda p: p > 0.95) == 6
    assert votes_until(0.9, NO, 2e-4, lambda p: p < 1e-7) == 4


def test_agents_learn_from_gold():
    found = agents_of([0, 0, 0, 1], [YES, YES, NO, NO], [YES, YES, YES, NO], 3)
    assert found.yes == pytest.approx([3 / 5, 1 / 2, 1 / 2])
    assert found.no == pytest.approx([1 / 2, 2 / 3, 1 / 2])
    skeptical = agents_of([0, 0], [YES, YES], [YES, YES], 1, skepticism=8, most=0.55)
    assert skeptical.yes == pytest.approx([0.55])


def test_a_beginner_moves_nothing_and_tells_nothing():
    beginner = agents_of([], [], [], 1)
    assert posteriors([0], [0], [YES], beginner, n_subjects=2, prior=0.3) == pytest.approx(
        [0.3] * 2
    )
    assert beginner.information() == pytest.approx([0])
    assert Agents(np.ones(1), np.ones(1)).information() == pytest.approx([1])


def test_swap_is_dawid_and_skene_with_two_classes_and_known_matrices():
    chance = np.random.default_rng(4)
    agents = Agents(chance.uniform(0.3, 0.95, 20), chance.uniform(0.3, 0.95, 20))
    subject, volunteer = chance.integers(30, size=400), chance.integers(20, size=400)
    said_yes = chance.random(400) < 0.5
    votes = Votes(subject, volunteer, np.where(said_yes, 0, 1), 2)
    confusion = agents.confusion()[votes.volunteers]
    by_matrices = class_probabilities(votes, confusion, np.array([0.12, 0.88]))[:, 0]
    by_swap = posteriors(subject, volunteer, said_yes, agents, n_subjects=30, prior=0.12)
    assert by_swap[votes.subjects] == pytest.approx(by_matrices, rel=1e-9)


def test_trajectories_of_mixed_subjects_end_at_the_posteriors():
    agents = Agents(np.array([0.8, 0.6, 1.0]), np.array([0.7, 0.9, 1.0]))
    subject, volunteer, said = [3, 1, 3, 1, 0], [0, 1, 1, 0, 2], [YES, NO, NO, NO, YES]
    found = trajectories(subject, volunteer, said, agents, prior=0.2)
    last = posteriors(subject, volunteer, said, agents, n_subjects=4, prior=0.2)
    assert found[[2, 3, 4]] == pytest.approx(last[[3, 1, 0]])
    assert last[2] == pytest.approx(0.2)
    assert np.isfinite(found).all()
