"""The deletion test: what blanks the evidence first wins, and chance does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.vision.deletion import N_RANDOM, Deletion, deletion_test

CELLS = 8


def weighing(weights):
    """Return fractions that rest on cells by their weight."""
    return lambda kept: (kept * weights).sum(axis=(1, 2)) / weights.sum()


def in_the_corner():
    weights = np.full((CELLS, CELLS), 1e-3)
    weights[:2, :3] = 1
    return weights


def blanked(worth, weights, seed):
    return deletion_test(worth, weighing(weights), np.random.default_rng(seed))


def test_the_true_map_beats_random_and_center_first():
    deletion = blanked(in_the_corner(), in_the_corner(), 0)
    assert deletion.beats_random
    assert deletion.beats_center
    assert deletion.own_score < 0.15 < deletion.random_score < deletion.center_score
    assert deletion.verdict == (
        "Blanking what this map shows lowers the answer faster than blanking at random or from the "
        "center outward."
    )


def test_a_map_that_is_upside_down_explains_nothing():
    deletion = blanked(-in_the_corner(), in_the_corner(), 0)
    assert not deletion.beats_random
    assert deletion.own_score > deletion.random_score
    assert deletion.verdict == (
        "This map is no better than blanking cells at random, so it explains nothing."
    )


def test_a_map_that_finds_less_than_the_center_says_that_the_center_is_better():
    offset = np.abs(np.arange(CELLS) - 3.5)
    centered = np.exp(-np.hypot(offset[:, None], offset))
    most = np.where(np.arange(CELLS) < 5, centered, 0)
    deletion = blanked(most, centered, 0)
    assert deletion.beats_random
    assert not deletion.beats_center
    assert "but blanking from the center outward lowers it faster still" in deletion.verdict
    deletion = blanked(centered, centered, 0)
    assert deletion.own_score == pytest.approx(deletion.center_score, abs=1e-3)
    assert "but no faster than blanking from the center outward" in deletion.verdict


def test_maps_by_chance_rarely_beat_chance():
    rng = np.random.default_rng(5)
    weights = in_the_corner()
    won = sum(
        blanked(rng.random((CELLS, CELLS)), weights, seed).beats_random for seed in range(200)
    )
    assert won <= 12  # two standard deviations let 1 in 40 pass; 200 draws rarely more than 12


def test_a_map_without_differences_is_ordered_at_random_and_not_from_the_top_left():
    won = [blanked(np.zeros((CELLS, CELLS)), in_the_corner(), seed) for seed in range(40)]
    assert sum(deletion.beats_random for deletion in won) <= 4
    assert len({deletion.own_score for deletion in won}) > 30


def test_a_map_that_only_keeps_an_answer_from_rising_explains_nothing():
    weights = in_the_corner()
    fractions = weighing(weights)
    deletion = deletion_test(
        -weights, lambda kept: 0.9 - 0.7 * fractions(kept), np.random.default_rng(0)
    )
    assert deletion.own_score < deletion.random_score - 2 * deletion.random_spread
    assert not deletion.beats_random
    assert deletion.verdict == (
        "Blanking what this map shows does not lower the answer, so it explains nothing."
    )


def test_a_difference_too_small_for_people_is_none():
    weights = 1 + 0.02 * in_the_corner()
    deletion = blanked(weights, weights, 0)
    assert deletion.own_score < deletion.random_score - 2 * deletion.random_spread
    assert deletion.own_score > deletion.random_score - 0.01
    assert deletion.lowers
    assert not deletion.beats_random


@given(st.integers(2, 9), st.integers(0, 2**32))
def test_every_curve_starts_at_the_whole_picture_and_ends_at_none_of_it(cells, seed):
    rng = np.random.default_rng(seed)
    weights, worth = rng.random((2, cells, cells)) + 0.01
    deletion = deletion_test(worth, weighing(weights), rng)
    curves = np.vstack([deletion.own, deletion.center, deletion.random])
    assert curves.shape == (N_RANDOM + 2, len(deletion.shares))
    assert deletion.shares[0] == 0
    assert deletion.shares[-1] == 1
    assert (np.diff(deletion.shares) > 0).all()
    assert np.allclose(curves[:, 0], 1)
    assert np.allclose(curves[:, -1], 0)
    assert (np.diff(curves) < 0).all()  # each step blanks more of what has weight
    for score in (deletion.own_score, deletion.random_score, deletion.center_score):
        assert 0 < score < 1


def test_each_step_blanks_the_share_that_it_says_and_adds_to_the_one_before():
    seen = []

    def fractions_of(kept):
        seen.append(kept)
        return np.zeros(len(kept))

    deletion = deletion_test(np.arange(64.0).reshape(8, 8), fractions_of, np.random.default_rng(0))
    (kept,) = seen
    steps = kept[:-2].reshape(N_RANDOM + 2, len(deletion.shares) - 2, 64)
    assert np.allclose(1 - steps.mean(axis=2), deletion.shares[1:-1])
    assert (steps[:, 1:] <= steps[:, :-1]).all()
    assert not steps[0, 0, 60:].any()  # the map's own order blanks its hottest cells first
    assert steps[0, 0, :60].all()
    assert not steps[1, 0, [27, 28, 35, 36]].any()  # the four in the middle
    assert kept[-2].all()
    assert not kept[-1].any()


def test_the_score_is_the_area_under_the_curve():
    shares = np.array([0, 0.5, 1])
    flat, falling = np.full(3, 0.4), np.array([0.8, 0.4, 0.0])
    deletion = Deletion(shares, own=falling, random=np.array([flat, flat + 0.2]), center=flat)
    assert deletion.own_score == pytest.approx(0.4)
    assert deletion.random_score == pytest.approx(0.5)
    assert deletion.random_spread == pytest.approx(0.1 * 2**0.5)
    assert deletion.center_score == pytest.approx(0.4)
    assert not deletion.beats_random  # 0.1 below, and the spread asks for 0.28
