import pytest
import torch

from inference.formats.tree import Tree
from tests.training import sky
from training.checkpoint import save_weights
from training.config import Config
from training.errors import ConfigRefused
from training.model import build
from training.optimizer import learning_depth, make_optimizer
from training.transfer import begin_with

SMALL = Config(width=4, depth=2, size_px=32)


def saved(network, path):
    save_weights(path, network.state_dict(), {"tree": network.tree.to_json()})
    return path


def test_trunk_and_head_are_taken_over(tmp_path):
    old = build(SMALL.replace(seed=1), sky.tree())

    new = build(SMALL, sky.tree())
    words = begin_with(new, saved(old, tmp_path / "w.safetensors"))

    assert all(torch.equal(new.state_dict()[n], t) for n, t in old.state_dict().items())
    assert "5 of 5 answers" in words


def test_answers_are_matched_by_key_and_new_ones_stay_new(tmp_path):
    old = build(SMALL.replace(seed=1), sky.tree())
    document = sky.tree().to_json().replace('"key": "smooth"', '"key": "round"')
    new = build(SMALL, Tree.parse(document))
    fresh = new.head.weight.detach().clone()

    words = begin_with(new, saved(old, tmp_path / "w.safetensors"))

    assert torch.equal(new.head.weight[1:], old.head.weight[1:])
    assert torch.equal(new.head.weight[0], fresh[0])
    assert "4 of 5 answers" in words


def test_weights_of_another_architecture_are_refused(tmp_path):
    other = build(SMALL.replace(width=8), sky.tree())

    with pytest.raises(ConfigRefused, match=r"None of the \d+ weights"):
        begin_with(build(SMALL, sky.tree()), saved(other, tmp_path / "w.safetensors"))


def test_gradual_stages_unfreeze_from_the_head_downward():
    config = SMALL.replace(stages="gradual", epochs=9)

    assert [learning_depth(config, epoch, 4) for epoch in range(9)] == [0, 0, 0, 2, 2, 2, 4, 4, 4]


def test_deeper_parts_learn_more_slowly():
    optimizer = make_optimizer(build(SMALL, sky.tree()), SMALL.replace(layer_decay=0.5))

    factors = {group["depth"]: group["factor"] for group in optimizer.param_groups}
    assert factors == {0: 1.0, 1: 0.5, 2: 0.25, 3: 0.125}
