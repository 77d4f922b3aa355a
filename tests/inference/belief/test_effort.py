"""Effort: what a galaxy needs on the average, the open ones included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.belief.effort import effort


def test_when_all_have_retired_it_is_their_mean():
    found = effort([1, 2, 3, 6], [True] * 4, 40)
    assert found.mean == pytest.approx(3.0)
    assert found.saved == pytest.approx(1 - 3 / 40)
    assert found.error == pytest.approx(np.std([1, 2, 3, 6]) / 2)


def test_open_galaxies_count_with_what_they_will_still_need():
    """Freireich et al. 1963, as textbooks print it: 6-MP, 21 people; S(10) = 0.753, S(22) = 0.538."""
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    ended = [True] * 9 + [False] * 12
    area_to_10 = effort(weeks, ended, 10).mean
    area_to_11 = effort(weeks, ended, 11).mean
    assert area_to_11 - area_to_10 == pytest.approx(0.7529, abs=1e-4)
    assert effort(weeks, ended, 23).mean - effort(weeks, ended, 22).mean == pytest.approx(
        0.5378, abs=1e-4
    )


def test_nothing_retired_is_no_saving():
    assert effort([3, 5], [False, False], 40).saved == 0


def test_no_galaxies_is_no_figure():
    assert np.isnan(effort([], [], 40).mean)


def test_a_cut_off_campaign_estimates_what_a_whole_one_finds():
    """Galaxies need a geometric number of answers; half of them are looked at too early."""
    rng = np.random.default_rng(5)
    needs = np.minimum(rng.geometric(0.1, 20_000), 40)
    looked_at = rng.integers(1, 60, 20_000)
    seen = np.minimum(needs, looked_at)
    found = effort(seen, needs <= looked_at, 40)
    assert abs(found.mean - needs.mean()) < 4 * found.error
    assert seen[needs <= looked_at].mean() < needs.mean() - 1  # the flattering figure


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=60))
def test_it_lies_between_none_and_the_most(galaxies):
    counts, retired = zip(*galaxies, strict=True)
    found = effort(counts, retired, 40)
    assert 0 <= found.mean <= 40
    assert found.error >= 0
