"""The picture of an explanation can be read: large, complete, and honest about its map."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference.vision.explain import explain
from inference.vision.heatmap import colors_of, render
from tests.inference.vision.patch_network import TREE, PatchNetwork, made_stamp

WARNING = (255, 214, 102)
FEATURED = TREE.answer("shape.featured")


def opened(content):
    assert content.startswith(b"\x89PNG")
    return np.asarray(Image.open(BytesIO(content)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def found():
    return explain(PatchNetwork(), made_stamp(), FEATURED, method="occlusion")


@pytest.fixture(scope="module")
def flat():
    return explain(PatchNetwork(constant=True), made_stamp(), FEATURED, method="occlusion")


def n_warning_pixels(page):
    return (page == WARNING).all(axis=-1).sum()


def test_both_panels_are_large_enough_to_look_at(found):
    page = opened(render(made_stamp(), found))
    assert page.shape[0] > 384 + 60
    assert page.shape[1] > 2 * 384 + 60


def test_the_galaxy_is_on_the_left_and_the_heat_over_it_on_the_right(found):
    stamp = made_stamp()
    page = opened(render(stamp, found))
    column = (page[:, 216] < 250).all(axis=-1)  # through the panel, past the title's end
    first = next(row for row in range(len(page) - 384) if column[row : row + 384].all())
    left = page[first : first + 384, 16:400]
    right = page[first : first + 384, 416:800]
    small = np.asarray(
        Image.fromarray(left.astype(np.uint8)).resize((64, 64), Image.Resampling.BOX)
    )
    assert np.abs(small.astype(int) - stamp).mean() < 6
    hot, cold = right[60:130, 255:320], right[250:370, 20:150]  # the patch, and the far corner
    assert hot[..., 0].mean() > cold[..., 0].mean() + 60


def test_a_map_that_explains_nothing_carries_a_band_that_says_so(found, flat):
    assert n_warning_pixels(opened(render(made_stamp(), found))) == 0
    assert n_warning_pixels(opened(render(made_stamp(), flat))) > 10_000


def test_the_answer_its_fraction_and_the_scores_change_the_picture(found):
    stamp = made_stamp()
    page = render(stamp, found)
    assert page == render(stamp, found)
    assert page != render(stamp, replace(found, answer="shape.smooth"))
    assert page != render(stamp, replace(found, fraction=0.123))
    assert page != render(stamp, replace(found, method="rise"))
    other = replace(found.deletion, center=found.deletion.center + 0.2)
    assert page != render(stamp, replace(found, deletion=other))


def test_a_long_name_is_wrapped_and_not_cut(found):
    short = opened(render(made_stamp(), found))
    long = opened(
        render(made_stamp(), replace(found, answer=" ".join(["long-question.answer"] * 9)))
    )
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]
    assert (long[:, -12:] == 255).all()  # nothing runs into the margin


def test_a_large_stamp_keeps_its_pixels():
    stamp = np.zeros((400, 400, 3), np.uint8)
    heat = np.zeros((400, 400), np.float32)
    flat = explain(PatchNetwork(constant=True), made_stamp(), FEATURED, method="occlusion")
    assert opened(render(stamp, replace(flat, heat=heat))).shape[1] > 2 * 400


@given(st.floats(0, 1), st.floats(0, 1))
def test_hotter_is_brighter_so_that_the_order_shows_without_colors(one, other):
    brightness = colors_of(np.array(sorted([one, other]))) @ np.array([0.2126, 0.7152, 0.0722])
    assert brightness[1] >= brightness[0] - 1  # colors are whole numbers
    if abs(one - other) > 0.05:
        assert brightness[1] > brightness[0] + 2
