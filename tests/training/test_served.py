import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.card import Masks
from tests.training import sky
from tests.training.exported import SMALL, pictures
from training.model import build
from training.served import drawn_masks, fit_projection, output_names, pooled_features


def features(seed, n=60, channels=10):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(n, channels)) * np.arange(1, channels + 1)
    return (mixed @ random.normal(size=(channels, channels)) + 7).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0, 0.95))
def test_no_mask_keeps_nothing(seed, n_inputs, dropout):
    masks = drawn_masks(n_inputs, Masks(16, dropout, seed))
    assert masks.shape == (16, n_inputs)
    assert masks.any(1).all()
    assert set(masks.unique().tolist()) <= {0, 1}


def test_masks_drop_their_share_and_come_from_the_seed():
    masks = drawn_masks(1000, Masks(32, 0.3, 5))
    assert masks.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert torch.equal(masks, drawn_masks(1000, Masks(32, 0.3, 5)))
    assert not torch.equal(masks, drawn_masks(1000, Masks(32, 0.3, 6)))
    assert drawn_masks(10, Masks(4, 0.0, 0)).all()


@given(st.integers(0, 1000))
def test_projection_keeps_distances_where_it_has_room_for_all_axes(seed):
    values = features(seed)
    projection = fit_projection(values)
    projected = (values - projection.mean) @ projection.matrix
    assert projected.shape == (60, 128)
    assert not projection.matrix[:, 10:].any()
    before = np.linalg.norm(values[:, None] - values[None], axis=-1)
    after = np.linalg.norm(projected[:, None] - projected[None], axis=-1)
    np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-3)


@given(st.integers(0, 1000))
def test_projection_does_not_depend_on_the_order_of_galaxies(seed):
    values = features(seed)
    shuffled = np.random.default_rng(seed).permutation(values)
    one, other = fit_projection(values), fit_projection(shuffled)
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-4)


def test_projection_begins_with_the_widest_axis_and_fixes_its_sign():
    random = np.random.default_rng(0)
    values = random.normal(size=(500, 3)) * [1, 10, 3]
    for sign in (1, -1):
        matrix = fit_projection((values * sign).astype(np.float32)).matrix
        np.testing.assert_allclose(matrix[:, :3], np.eye(3)[[1, 2, 0]].T, atol=0.1)


def test_projection_takes_128_axes_of_more_and_none_of_noise():
    wide = fit_projection(features(0, n=300, channels=200))
    np.testing.assert_allclose(wide.matrix.T @ wide.matrix, np.eye(128), atol=1e-5)
    flat = features(0)
    flat[:, 4:] = 1
    assert not fit_projection(flat).matrix[:, 4:].any()
    assert not fit_projection(np.ones((5, 3), np.float32)).matrix.any()


def test_pooled_features_are_the_same_in_any_batches():
    made = build(SMALL, sky.tree())
    whole = pooled_features(made, pictures())
    assert whole.shape == (64, made.channels)
    np.testing.assert_allclose(whole, pooled_features(made, pictures(), batch_size=7), atol=1e-5)


def test_class_activation_is_served_only_where_it_is_exact():
    assert output_names(build(SMALL, sky.tree()))[-1] == "cam"
    assert "cam" not in output_names(build(SMALL.replace(architecture="textbook"), sky.tree()))
    assert "cam" not in output_names(build(SMALL.replace(aux=["mag_r"]), sky.tree()))
