import os
import pickle

import pytest
import torch

from training import checkpoint
from training.checkpoint import State
from training.errors import CheckpointRefused


def state(epoch=1):
    weights = {"a.weight": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(epoch)}
    return State(epoch, checkpoint.nested(model=weights), {"best_loss": None, "history": [{}]})


def test_a_state_comes_back_whole(tmp_path):
    path = checkpoint.save(tmp_path, state(7))

    found = checkpoint.load(path)

    assert found.epoch == 7
    assert found.facts == {"best_loss": None, "history": [{}]}
    assert torch.equal(found.under("model")["a.weight"], torch.arange(6.0).reshape(2, 3))
    assert found.under("model")["step"].item() == 7


def test_the_two_newest_are_kept(tmp_path):
    for epoch in range(1, 5):
        checkpoint.save(tmp_path, state(epoch))

    epochs = [checkpoint.load(path).epoch for path in checkpoint.newest_first(tmp_path)]
    assert epochs == [4, 3]


def test_a_damaged_newest_one_is_named_and_the_one_before_is_used(tmp_path):
    checkpoint.save(tmp_path, state(1))
    newest = checkpoint.save(tmp_path, state(2))
    content = bytearray(newest.read_bytes())
    content[-3] ^= 1
    newest.write_bytes(content)

    found, complaints = checkpoint.load_newest(tmp_path)

    assert found.epoch == 1
    assert newest.name in complaints[0]
    assert "one before it" in complaints[0]


@pytest.mark.parametrize("damage", [b"", b"x" * 100])
def test_only_damaged_ones_are_refused(tmp_path, damage):
    checkpoint.save(tmp_path, state(1)).write_bytes(damage)

    with pytest.raises(CheckpointRefused, match="All 1 checkpoints"):
        checkpoint.load_newest(tmp_path)


def test_none_is_no_error(tmp_path):
    assert checkpoint.load_newest(tmp_path / "nowhere") == (None, [])


def test_a_full_disk_leaves_the_old_one_and_no_rubbish(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, state(1))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(tmp_path, state(2))

    assert len(list(tmp_path.iterdir())) == 1
    assert checkpoint.load_newest(tmp_path)[0].epoch == 1


def test_weights_come_back_without_their_prefix(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.save_weights(path, {"head.bias": torch.ones(3)}, {"tree": "{}"})

    weights, facts = checkpoint.load_weights(path)

    assert list(weights) == ["head.bias"]
    assert facts == {"tree": "{}"}


def test_a_pickle_in_place_of_weights_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}))

    with pytest.raises(CheckpointRefused, match="no safetensors file"):
        checkpoint.load_weights(path)
