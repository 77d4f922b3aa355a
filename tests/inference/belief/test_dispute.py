"""Dispute: standard deviations between people's votes and what a network expects."""

import numpy as np
import pytest

from inference.belief.dispute import dispute
from inference.formats.tree import load_built_in

THREE = load_built_in("three-class")


def test_it_is_the_deviation_of_a_beta_binomial():
    alpha, votes = np.array([[8.0, 1.0, 0.5, 0.5]]), np.array([[2.0, 17.0, 1.0, 0.0]])
    found = dispute(THREE, alpha, votes, np.array([[20.0]]))
    rng = np.random.default_rng(1)
    drawn = rng.binomial(20, rng.beta(1, 9, 400_000))
    assert found[0] == pytest.approx((17 - drawn.mean()) / drawn.std(), rel=0.02)


def test_votes_that_a_network_drew_itself_are_seldom_a_dispute():
    rng = np.random.default_rng(2)
    alpha = rng.gamma(3, 3, (4000, 4)) + 0.5
    votes = np.array([rng.multinomial(20, rng.dirichlet(row)) for row in alpha], float)
    found = dispute(THREE, alpha, votes, np.full((4000, 1), 20.0))
    assert (found > 2).mean() < 0.15
    assert (found > 4).mean() < 0.02


def test_a_sure_network_is_disputed_more_than_an_unsure_one():
    votes, asked = np.array([[0.0, 10.0, 0.0, 0.0]] * 2), np.full((2, 1), 10.0)
    unsure, sure = dispute(THREE, np.array([[1.5, 1, 1, 1], [150, 1, 1, 1]]), votes, asked)
    assert unsure < 4
    assert sure > 20


def test_few_people_make_no_dispute():
    votes, asked = np.array([[0.0, 4.0, 0.0, 0.0]]), np.array([[4.0]])
    assert dispute(THREE, np.array([[99.0, 1, 1, 1]]), votes, asked)[0] == 0
