"""Which answer leads: exact, and quickly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.belief.leading import is_leading, lead_probabilities

CONCENTRATIONS = st.floats(0.02, 500)


@pytest.mark.parametrize(
    "alpha",
    [[3, 5, 2], [0.05, 0.1, 0.02], [100, 103, 90, 20], [1000, 1005, 990], [1, 1, 1, 1, 1, 1]],
)
def test_drawing_fractions_finds_the_same(alpha):
    drawn = np.random.default_rng(1).dirichlet(alpha, 200_000).argmax(axis=1)
    seen = np.bincount(drawn, minlength=len(alpha)) / len(drawn)
    assert lead_probabilities(np.array([alpha]))[0] == pytest.approx(seen, abs=0.005)


def test_two_answers_are_a_tail_of_a_beta():
    alpha = np.array([[7.0, 3.0], [0.3, 40.0]])
    drawn = [np.random.default_rng(2).beta(a, b, 400_000) for a, b in alpha]
    found = lead_probabilities(alpha)[:, 0]
    assert found == pytest.approx([(values > 0.5).mean() for values in drawn], abs=0.003)


def test_a_third_answer_that_nobody_gives_changes_next_to_nothing():
    two = lead_probabilities(np.array([[7.0, 3.0]]))[0]
    three = lead_probabilities(np.array([[7.0, 3.0, 1e-3]]))[0]
    assert three[:2] == pytest.approx(two, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(CONCENTRATIONS, min_size=4, max_size=4), min_size=1, max_size=8),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
)
def test_the_quick_way_decides_as_the_exact_one(rows, probability):
    alpha = np.array(rows)
    best = alpha.argmax(axis=1)
    exact = lead_probabilities(alpha)[np.arange(len(alpha)), best] >= probability
    assert (is_leading(alpha, probability) == exact).all()


def test_the_quick_way_is_right_close_to_the_threshold():
    """All of these lie within a hundredth of it, where only the exact way may decide."""
    rng = np.random.default_rng(3)
    alpha = np.exp(rng.uniform(np.log(0.5), np.log(100), (60_000, 3)))
    exact = lead_probabilities(alpha)[np.arange(len(alpha)), alpha.argmax(axis=1)]
    near = np.abs(exact - 0.9) < 0.01
    assert near.sum() > 300
    assert (is_leading(alpha[near], 0.9) == (exact[near] >= 0.9)).all()


def test_nothing_is_led_by_nothing():
    assert is_leading(np.empty((0, 3)), 0.9).shape == (0,)
    assert lead_probabilities(np.empty((0, 3))).shape == (0, 3)
