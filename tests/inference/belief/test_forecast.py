"""The end of a campaign is foretold as well as its days allow."""

import math

import numpy as np
import pytest

from inference.belief.forecast import forecast

N_LEFT = 10_000


@pytest.mark.parametrize("n_days", [2, 5, 14])
def test_a_constant_rate_is_foretold_within_a_tenth(n_days):
    random = np.random.default_rng(n_days)
    for _ in range(200):
        found = forecast(random.poisson(2000, n_days).tolist(), N_LEFT)
        assert found.days == pytest.approx(N_LEFT / 2000, rel=0.1)
        assert found.low_days < found.days < found.high_days


def test_the_interval_holds_the_truth_nine_times_in_ten():
    random = np.random.default_rng(8)
    held = 0
    for _ in range(2000):
        found = forecast(random.poisson(random.gamma(4, 50, 14)).tolist(), N_LEFT)
        held += found.low_days <= N_LEFT / 200 <= found.high_days
    assert held / 2000 == pytest.approx(0.9, abs=0.03)


def test_days_that_are_alike_by_chance_are_no_certainty():
    found = forecast([100, 100], N_LEFT)
    assert found.low_days < 90
    assert found.high_days > 110


def test_uneven_days_may_have_no_end():
    assert forecast([0, 500], N_LEFT).high_days == math.inf


@pytest.mark.parametrize("daily", [[], [50], [0, 0, 0]])
def test_too_few_days_or_votes_say_nothing(daily):
    assert forecast(daily, N_LEFT) is None
