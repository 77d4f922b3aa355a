"""Maps find what a network rests on, and say so when they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import load_built_in
from inference.vision.explain import METHODS, ExplanationRefused, explain, vote_fraction
from tests.inference.vision.patch_network import (
    PATCH,
    SIZE_PX,
    TREE,
    PatchNetwork,
    made_stamp,
)

FEATURED, SMOOTH, RING = (TREE.answer(n) for n in ("shape.featured", "shape.smooth", "odd.ring"))


def share_in_patch(heat):
    """Return how much of the hottest tenth lies in the patch, which is a sixteenth."""
    hottest = heat >= np.quantile(heat, 0.95)
    return hottest[PATCH].sum() / hottest.sum()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("answer", [FEATURED, RING], ids=["single", "multiple"])
def test_every_method_finds_the_patch_and_beats_both_baselines(method, answer):
    found = explain(PatchNetwork(), made_stamp(), answer, method=method)
    assert share_in_patch(found.heat) > 0.7
    assert found.deletion.beats_random
    assert found.deletion.beats_center
    assert found.heat.shape == (SIZE_PX, SIZE_PX)
    assert found.heat.dtype == np.float32
    assert found.heat.min() == 0
    assert found.heat.max() == 1
    assert (found.method, found.answer) == (method, TREE.name(answer))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("edge", "inward"), [(slice(0, 8), slice(8, 16)), (slice(56, 64), slice(48, 56))]
)
def test_a_patch_in_the_outermost_cell_is_found_as_well(method, edge, inward):
    patch = (edge, edge)
    found = explain(PatchNetwork(patch=patch), made_stamp(patch=patch), FEATURED, method=method)
    assert found.heat[patch].mean() > found.heat[inward, inward].mean() + 0.1
    assert found.deletion.beats_center


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_looks_at_nothing_has_a_flat_map_that_explains_nothing(method):
    found = explain(PatchNetwork(constant=True), made_stamp(), FEATURED, method=method)
    assert (found.heat == 0).all()
    assert not found.deletion.beats_random
    assert not found.deletion.beats_center
    assert "explains nothing" in found.deletion.verdict


@pytest.mark.parametrize("method", METHODS)
def test_the_sibling_of_the_answer_does_not_rest_on_the_patch(method):
    found = explain(PatchNetwork(), made_stamp(), SMOOTH, method=method)
    assert found.heat[PATCH].mean() < found.heat.mean()
    assert (
        not found.deletion.beats_random
    )  # to hide the patch makes "smooth" rise, nothing lowers it
    assert "explains nothing" in found.deletion.verdict


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map(method):
    network, stamp = PatchNetwork(), made_stamp()
    first, again = (explain(network, stamp, RING, method=method, seed=4) for _ in range(2))
    assert np.array_equal(first.heat, again.heat)
    assert np.array_equal(first.deletion.random, again.deletion.random)
    assert np.array_equal(first.deletion.own, again.deletion.own)


def test_another_seed_draws_other_masks_and_other_orders():
    network, stamp = PatchNetwork(), made_stamp()
    first, other = (explain(network, stamp, RING, seed=seed) for seed in (1, 2))
    assert not np.array_equal(first.heat, other.heat)
    assert not np.array_equal(first.deletion.random, other.deletion.random)


def test_the_fraction_is_that_of_the_whole_picture():
    network, stamp = PatchNetwork(), made_stamp()
    alpha = network.run(stamp[None])["alpha"]
    found = explain(network, stamp, FEATURED, method="cam")
    assert found.fraction == pytest.approx(alpha[0, 1] / (alpha[0, 0] + alpha[0, 1]))
    found = explain(network, stamp, RING, method="cam")
    assert found.fraction == pytest.approx(alpha[0, 2] / (alpha[0, 2] + MULTIPLE_REST))


def test_the_copies_go_through_the_network_in_few_batches():
    network = PatchNetwork()
    explain(network, made_stamp(), FEATURED)
    assert network.batches[:2] == [128, 128]
    assert max(network.batches) == 128
    assert len(network.batches) == 5  # and two full ones and a rest for the deletion test


@pytest.mark.parametrize("n_masks", [100, 200])
def test_any_number_of_masks_is_run(n_masks):
    network = PatchNetwork()
    found = explain(network, made_stamp(), FEATURED, n_masks=n_masks)
    assert sum(network.batches) == n_masks + 272
    assert found.deletion.beats_random


@pytest.mark.parametrize("cells", [2, 3, 5, 13])
@pytest.mark.parametrize("method", METHODS)
def test_cells_need_not_divide_the_side(method, cells):
    found = explain(PatchNetwork(), made_stamp(), FEATURED, method=method, cells=cells)
    assert np.isfinite(found.heat).all()
    assert found.heat[PATCH].mean() > found.heat.mean()


def test_class_activation_is_refused_where_it_is_not_exact():
    with pytest.raises(ExplanationRefused, match=r"no exact class activation.*use the method rise"):
        explain(PatchNetwork(cam_exact=False), made_stamp(), FEATURED, method="cam")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "gradcam"}, "'gradcam' to explain an answer: use rise, occlusion or cam"),
        ({"cells": 1}, "cut into 1 cells a side: use 2 to 32"),
        ({"cells": 33}, "cut into 33 cells a side: use 2 to 32"),
        ({"n_masks": 1}, "made of 1 masks: use 2 to 8,192"),
        ({"n_masks": 10**6}, "made of 1000000 masks: use 2 to 8,192"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_run(options, words):
    network = PatchNetwork()
    with pytest.raises(ExplanationRefused, match=words):
        explain(network, made_stamp(), FEATURED, **options)
    assert network.batches == []


def test_a_picture_of_another_size_and_an_answer_of_another_tree_are_mistakes():
    network, stamp = PatchNetwork(), made_stamp()
    with pytest.raises(ValueError, match="the network takes uint8"):
        explain(network, stamp[:32], FEATURED)
    with pytest.raises(ValueError, match="the network takes uint8"):
        explain(network, stamp.astype(np.float32), FEATURED)
    foreign = load_built_in("galaxy-zoo-2").answer("bar.yes")
    with pytest.raises(ValueError, match="not one of the tree 'tiny'"):
        explain(network, stamp, foreign)


@given(arrays(np.float32, (3, 4), elements=st.floats(0.03125, 100, width=32)))
def test_fractions_of_one_choice_sum_to_1_and_all_lie_between(alpha):
    fractions = np.array([vote_fraction(alpha, TREE, answer) for answer in TREE.answers])
    assert ((fractions > 0) & (fractions < 1)).all()
    assert np.allclose(fractions[:2].sum(axis=0), 1)
    assert np.allclose(fractions[2:], alpha[:, 2:].T / (alpha[:, 2:].T + MULTIPLE_REST))
