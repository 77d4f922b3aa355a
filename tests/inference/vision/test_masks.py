"""Masks hide what they say, and what stands in its place is sky."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.vision.masks import cell_means, hidden, rise_masks, sky_of, smoothed

sizes = st.tuples(st.integers(2, 9), st.integers(16, 50))  # cells, size_px


def stamp_of_noise(size_px=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)


def test_the_sky_is_the_color_of_the_border_whatever_the_galaxy_and_a_star_at_the_edge():
    stamp = np.full((64, 64, 3), (12, 14, 20), np.uint8)
    stamp[16:48, 16:48] = 200
    stamp[0:6, 0:6] = 255
    assert sky_of(stamp).tolist() == [12, 14, 20]


def test_a_hidden_pixel_is_sky_a_shown_one_itself_and_half_a_pixel_in_between():
    stamp = np.full((32, 32, 3), 10, np.uint8)
    stamp[8:24, 8:24] = 110
    kept = np.ones((3, 32, 32), np.float32)
    kept[0], kept[1] = 0, 0.5
    copies = hidden(stamp, kept)
    assert copies.dtype == np.uint8
    assert (copies[0] == 10).all()
    assert (copies[1, 8:24, 8:24] == 60).all()
    assert np.array_equal(copies[2], stamp)


@given(sizes, st.integers(0, 2**32))
def test_rise_masks_stay_between_0_and_1_and_repeat_by_seed(size, seed):
    cells, size_px = size
    first, again = (
        rise_masks(np.random.default_rng(seed), 5, cells=cells, size_px=size_px) for _ in range(2)
    )
    assert first.shape == (5, size_px, size_px)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, again)


def test_rise_masks_show_every_pixel_half_of_the_time():
    masks = rise_masks(np.random.default_rng(3), 4000, cells=8, size_px=24)
    assert masks.mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(masks.mean(axis=0) - 0.5).max() < 0.03
    # A shift that were missing would leave the pixels between two grid points less varied.
    deviation = masks.std(axis=0)
    assert deviation.max() - deviation.min() < 0.02


def test_a_rise_mask_is_smooth_and_changes_within_a_cell():
    masks = rise_masks(np.random.default_rng(0), 50, cells=4, size_px=64)
    steps = np.abs(np.diff(masks, axis=2))
    assert steps.max() <= 1 / 16 + 1e-5  # 16 px a cell, from 0 to 1 at most
    assert steps.max() > 0.9 / 16


@given(sizes, st.integers(0, 2**32))
def test_smoothed_cells_keep_their_values_at_their_centers_and_stay_in_range(size, seed):
    cells, factor = size
    odd = 2 * (factor // 8) + 1  # pixels a cell: one lies at the very center
    values = np.random.default_rng(seed).random((2, cells, cells)).astype(np.float32)
    pixels = smoothed(values, cells * odd)
    centers = slice(odd // 2, None, odd)
    assert np.allclose(pixels[:, centers, centers], values, atol=1e-6)
    assert values.min() - 1e-6 <= pixels.min()
    assert pixels.max() <= values.max() + 1e-6


@given(sizes)
def test_all_cells_kept_hide_nothing_and_none_kept_everything(size):
    cells, size_px = size
    kept = np.stack([np.ones((cells, cells)), np.zeros((cells, cells))]).astype(bool)
    pixels = smoothed(kept, size_px)
    assert np.allclose(pixels[0], 1, atol=1e-6)
    assert (pixels[1] == 0).all()


def test_cell_means_are_means_also_where_cells_do_not_divide_the_side():
    heat = np.arange(49, dtype=np.float64).reshape(7, 7)
    means = cell_means(heat, 3)
    for row, rows in enumerate([slice(0, 2), slice(2, 5), slice(5, 7)]):
        for column, columns in enumerate([slice(0, 2), slice(2, 5), slice(5, 7)]):
            assert means[row, column] == pytest.approx(heat[rows, columns].mean())


@given(sizes, st.integers(0, 2**32))
def test_cell_means_stay_within_the_map(size, seed):
    cells, size_px = size
    heat = np.random.default_rng(seed).random((size_px, size_px))
    means = cell_means(heat, cells)
    assert means.shape == (cells, cells)
    assert heat.min() - 1e-9 <= means.min() <= means.max() <= heat.max() + 1e-9
