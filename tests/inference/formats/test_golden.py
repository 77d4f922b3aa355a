import hashlib

import numpy as np
import pytest

from inference.formats.golden import Golden, golden_images, rounded


def test_the_golden_pictures_are_the_same_for_ever():
    digests = {
        (seed, size_px): hashlib.sha256(golden_images(seed, size_px).tobytes()).hexdigest()[:16]
        for seed, size_px in ((1, 64), (2, 64), (1, 33))
    }
    assert digests == {
        (1, 33): "19c6caf191969eb7",
        (1, 64): "0b7fb7ef48605ef5",
        (2, 64): "1957e364286b22af",
    }


def test_they_are_noise_black_white_and_a_glow_that_fades_outward():
    noise, black, white, glow = golden_images(7, 64)
    assert noise.shape == (64, 64, 3)
    assert noise.mean() == pytest.approx(127.5, abs=3)
    assert noise.std() == pytest.approx(73.9, abs=3)
    assert (black.min(), black.max(), white.min(), white.max()) == (0, 0, 255, 255)
    middle = glow[32, 32:, 0].astype(int)
    assert middle[0] > 240
    assert (np.diff(middle) <= 0).all()
    assert np.array_equal(glow, glow[::-1])
    assert np.array_equal(glow, glow.transpose(1, 0, 2))


def test_a_deviation_of_up_to_one_is_tolerated():
    golden = Golden(seed=1, alpha=((1.0, 50.0),) * 4)
    alpha = np.array(golden.alpha, np.float32)
    assert golden.deviation(alpha, "float32") == 0
    assert golden.deviation(alpha + 0.02, "float32") < 1
    assert golden.deviation(alpha + 0.1, "float32") > 1
    assert golden.deviation(alpha + 0.3, "float16") < 1
    assert golden.deviation(alpha * 1.5, "float16") > 1


def test_one_number_that_is_off_is_enough():
    golden = Golden(seed=1, alpha=((1.0, 50.0),) * 4)
    alpha = np.array(golden.alpha, np.float32)
    alpha[3, 1] = 40
    assert golden.deviation(alpha, "float32") > 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_infinitely_far(bad):
    golden = Golden(seed=1, alpha=((1.0, 50.0),) * 4)
    alpha = np.array(golden.alpha, np.float32)
    alpha[0, 0] = bad
    assert golden.deviation(alpha, "float32") == float("inf")


def test_another_shape_is_infinitely_far():
    golden = Golden(seed=1, alpha=((1.0, 1.0),) * 4)
    assert golden.deviation(np.ones((4, 1), np.float32), "float32") == float("inf")


def test_rounding_keeps_five_digits():
    alpha = np.array([[1.2345678, 98.7654321, 0.000123456]], np.float32)
    assert rounded(alpha) == ((1.2346, 98.765, 0.00012346),)
