"""Which answer leads: exact, and quickly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from inference.belief import leading
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


@pytest.mark.parametrize(
    "alpha",
    [[3, 5, 2], [0.6, 0.8, 0.7, 0.9], [100, 103, 90, 20], [40.0, 37, 35, 33, 32], [0.3, 9, 8, 2]],
)
def test_an_adaptive_integral_finds_the_same(alpha):
    def density(level, answer):
        others = [stats.gamma.cdf(level, a) for place, a in enumerate(alpha) if place != answer]
        return stats.gamma.pdf(level, alpha[answer]) * np.prod(others)

    most = stats.gamma.isf(1e-14, max(alpha))
    expected = [
        integrate.quad(density, 0, most, args=(answer,), limit=400, points=alpha)[0]
        for answer in range(len(alpha))
    ]
    assert lead_probabilities(np.array([alpha]))[0] == pytest.approx(expected, abs=1e-7)


@given(st.integers(0, 10_000), st.integers(3, 12))
def test_some_answer_leads(seed, n_answers):
    rng = np.random.default_rng(seed)
    alpha = np.exp(rng.uniform(np.log(0.02), np.log(10_000), (20, n_answers)))
    assert lead_probabilities(alpha).sum(axis=1) == pytest.approx(np.ones(20), abs=1e-7)


def test_equal_answers_lead_equally_often_however_small_or_large():
    for alpha in (1e-5, 0.02, 1.0, 300.0, 1e6):
        found = lead_probabilities(np.full((1, 5), alpha))
        assert found == pytest.approx(np.full((1, 5), 0.2), abs=1e-7)


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_bounds_hold_what_they_bound(seed, n_answers):
    """Answers close to one another, some of them far below one vote."""
    rng = np.random.default_rng(seed)
    most = np.exp(rng.uniform(np.log(0.1), np.log(300), (50, 1)))
    alpha = np.sort(most * np.exp(-rng.gamma(0.7, 1, (50, n_answers))), axis=1)
    exact = lead_probabilities(alpha)[:, -1]
    for bounds in (leading._by_pairs, leading._by_normals):
        low, high = bounds(alpha)
        assert (low <= exact).all()
        assert (exact <= high).all()


def test_few_are_left_to_the_integral(monkeypatch):
    rng = np.random.default_rng(4)
    alpha = rng.gamma(0.8, 8, (2000, 4)) + 0.1
    left: list[np.ndarray] = []
    exact = leading._of_last

    def counted(ordered):
        left.append(ordered)
        return exact(ordered)

    monkeypatch.setattr(leading, "_of_last", counted)
    is_leading(alpha, 0.95)
    assert 0 < sum(map(len, left)) < len(alpha) / 10


def test_two_answers_are_a_tail_of_a_beta():
    alpha = np.array([[7.0, 3.0], [0.3, 40.0]])
    drawn = [np.random.default_rng(2).beta(a, b, 400_000) for a, b in alpha]
    found = lead_probabilities(alpha)[:, 0]
    assert found == pytest.approx([(values > 0.5).mean() for values in drawn], abs=0.003)


def test_a_third_answer_that_nobody_gives_changes_next_to_nothing():
    two = lead_probabilities(np.array([[7.0, 3.0]]))[0]
    three = lead_probabilities(np.array([[7.0, 3.0, 1e-3]]))[0]
    assert three[:2] == pytest.approx(two, abs=1e-4)


@settings(max_examples=60)
@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(CONCENTRATIONS, min_size=n, max_size=n), min_size=1, max_size=8)
    ),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
)
def test_the_quick_way_decides_as_the_exact_one(rows, probability):
    alpha = np.array(rows)
    best = alpha.argmax(axis=1)
    exact = lead_probabilities(alpha)[np.arange(len(alpha)), best] >= probability
    assert (is_leading(alpha, probability) == exact).all()


@pytest.mark.parametrize("n_answers", [2, 3])
def test_the_quick_way_is_right_close_to_the_threshold(n_answers):
    """All of these lie within a hundredth of it, where only the exact way may decide."""
    rng = np.random.default_rng(3)
    alpha = np.exp(rng.uniform(np.log(0.5), np.log(100), (60_000, n_answers)))
    exact = lead_probabilities(alpha)[np.arange(len(alpha)), alpha.argmax(axis=1)]
    near = np.abs(exact - 0.9) < 0.01
    assert near.sum() > 300
    assert (is_leading(alpha[near], 0.9) == (exact[near] >= 0.9)).all()


def test_nothing_is_led_by_nothing():
    assert is_leading(np.empty((0, 3)), 0.9).shape == (0,)
    assert lead_probabilities(np.empty((0, 3))).shape == (0, 3)
