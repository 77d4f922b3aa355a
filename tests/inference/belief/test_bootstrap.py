import numpy as np
import pytest

from inference.belief import bootstrap
from inference.belief.bootstrap import Estimate, estimates, paired_bootstrap, unchanged


def normal(n: int, mean: float = 0.0, seed: int = 0):
    return np.random.default_rng(seed).normal(mean, 1, n)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    found = paired_bootstrap(normal(900))
    assert found.value == pytest.approx(normal(900).mean())
    assert found.upper - found.lower == pytest.approx(2 * 1.96 / 30, rel=0.1)
    assert found.n == 900


def test_ninety_five_percent_of_intervals_hold_the_truth():
    worlds = np.random.default_rng(3).normal(0, 1, (100, 600))
    found = estimates(worlds, [unchanged] * 600)
    assert 0.92 < np.mean([one.lower <= 0 <= one.upper for one in found]) < 0.97


def test_the_same_seed_draws_the_same_galaxies():
    values = normal(50)
    assert paired_bootstrap(values, 7) == paired_bootstrap(values, 7)
    assert paired_bootstrap(values, 7) != paired_bootstrap(values, 8)


def test_figures_share_one_drawing_of_galaxies():
    values = normal(50)
    plain, twice = estimates(np.stack([values, 2 * values], 1), [unchanged] * 2)
    assert (twice.lower, twice.upper) == pytest.approx((2 * plain.lower, 2 * plain.upper))


def test_a_figure_may_be_a_root():
    squares = normal(400) ** 2
    plain, root = estimates(np.stack([squares, squares], 1), [unchanged, np.sqrt])
    assert root.value == pytest.approx(np.sqrt(plain.value))
    assert (root.lower, root.upper) == pytest.approx((plain.lower**0.5, plain.upper**0.5), rel=1e-3)


def test_galaxies_that_do_not_count_change_nothing_but_the_drawing():
    values = normal(500, mean=3)
    some = np.where(np.arange(500) < 250, values, np.nan)
    found = paired_bootstrap(some)
    assert found.n == 250
    assert found.value == pytest.approx(values[:250].mean())
    assert found.upper - found.lower == pytest.approx(2 * 1.96 / 250**0.5, rel=0.15)


def test_a_single_galaxy_that_counts_has_an_interval_without_width():
    values = np.full(200, np.nan)
    values[7] = 2.5
    assert paired_bootstrap(values) == Estimate(2.5, 2.5, 2.5, 1)


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_to_judge_is_no_number(n):
    found = paired_bootstrap(np.full(n, np.nan))
    assert found.n == 0
    assert np.isnan([found.value, found.lower, found.upper]).all()


def test_a_better_network_shows_by_an_interval_beside_zero():
    better = paired_bootstrap(normal(400, mean=-0.2))
    same = paired_bootstrap(normal(400, mean=0.0))
    assert better.upper < 0
    assert same.lower < 0 < same.upper


def test_drawing_in_small_blocks_gives_as_many_draws(monkeypatch):
    values = normal(40)
    whole = paired_bootstrap(values)
    monkeypatch.setattr(bootstrap, "_BLOCK", 300)
    drawn = np.concatenate(list(bootstrap.drawings(40, 0)))
    assert drawn.shape == (1000, 40)
    assert (drawn.sum(1) == 40).all()
    assert paired_bootstrap(values).upper == pytest.approx(whole.upper, abs=0.05)
