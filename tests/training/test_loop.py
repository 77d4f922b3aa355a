import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import sky
from tests.training.conftest import CONFIG
from training import checkpoint, loop
from training.dataset import from_catalog
from training.errors import Cancelled, CheckpointRefused, TrainingDiverged
from training.evaluate import predict_alpha
from training.model import build


class Journal:
    """Remembers what it was told; `ends_after` epochs it wants to stop."""

    def __init__(self, ends_after=None):
        self.rows, self.lines, self.ends_after = [], [], ends_after

    def beat(self, **facts):
        pass

    def note(self, row):
        self.rows.append(row)

    def say(self, line):
        self.lines.append(line)

    def is_cancelled(self):
        return self.ends_after is not None and len(self.rows) >= self.ends_after


def losses(journal):
    return [(row["epoch"], row["loss"], row["validation_loss"]) for row in journal.rows]


def test_a_network_learns_to_tell_drawn_galaxies_apart(dataset, config):
    journal = Journal()

    fitted = loop.fit(dataset, config.replace(epochs=12), journal)

    places = dataset.part("test")
    alpha = predict_alpha(fitted.network, dataset, places)[:, :3]
    truth = dataset.votes[places, :3].argmax(1)
    assert (alpha.argmax(1) == truth).mean() > 0.8
    assert journal.rows[-1]["loss"] < journal.rows[0]["loss"] - 1
    assert not fitted.network.training


def test_an_interrupted_training_goes_on_to_the_same_losses(dataset, config, tmp_path):
    whole = Journal()
    loop.fit(dataset, config, whole, checkpoints=tmp_path / "whole")
    broken = Journal(ends_after=2)
    with pytest.raises(Cancelled, match="checkpoint stays"):
        loop.fit(dataset, config, broken, checkpoints=tmp_path / "broken")

    rest = Journal()
    fitted = loop.fit(dataset, config, rest, checkpoints=tmp_path / "broken")

    assert losses(broken) + losses(rest) == losses(whole)
    assert [row["epoch"] for row in fitted.progress.history] == [1, 2, 3]
    assert "Going on after epoch 2." in rest.lines


def test_a_finished_training_is_not_trained_on(dataset, config, tmp_path):
    first = loop.fit(dataset, config, Journal(), checkpoints=tmp_path)

    journal = Journal()
    again = loop.fit(dataset, config, journal, checkpoints=tmp_path)

    assert journal.rows == []
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])


def test_the_best_epoch_is_kept_and_patience_ends_a_training(dataset, config, monkeypatch):
    scripted = iter([5.0, 3.0, 4.0, 4.5, 9.0, 9.0])
    monkeypatch.setattr(loop._Training, "validation_loss", lambda _: next(scripted))
    journal = Journal()

    fitted = loop.fit(dataset, config.replace(epochs=6, patience=2), journal)

    assert len(journal.rows) == 4
    assert fitted.progress.best_epoch == 2


def test_a_loss_that_is_no_number_stops_with_a_sentence(dataset, config, tmp_path, monkeypatch):
    def broken(*_):
        return torch.tensor(math.nan, requires_grad=True).repeat(16)

    monkeypatch.setattr(loop, "vote_loss", broken)

    with pytest.raises(TrainingDiverged) as stopped:
        loop.fit(dataset, config, Journal(), checkpoints=tmp_path)

    assert "nan in epoch 1" in str(stopped.value)
    assert "lower learning_rate (now 0.01)" in str(stopped.value)
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_said_and_the_one_before_goes_on(dataset, config, tmp_path):
    loop.fit(dataset, config, Journal(), checkpoints=tmp_path)
    newest = checkpoint.newest_first(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:-10])

    journal = Journal()
    loop.fit(dataset, config, journal, checkpoints=tmp_path)

    assert newest.name in journal.lines[0]
    assert [row["epoch"] for row in journal.rows] == [3]


def test_no_checkpoint_cannot_be_restored(dataset, config, tmp_path):
    with pytest.raises(CheckpointRefused, match="train the run first"):
        loop.restored(dataset, config, tmp_path)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("head", ["dirichlet", "categorical"])
def test_precisions_and_heads_train(dataset, config, precision, head):
    journal = Journal()

    loop.fit(dataset, config.replace(epochs=1, precision=precision, head=head), journal)

    assert math.isfinite(journal.rows[0]["validation_loss"])


def test_a_frozen_trunk_stays_and_its_statistics_too(dataset, config):
    first = loop.fit(dataset, config.replace(epochs=1), Journal()).network.state_dict()

    network = loop.fit(dataset, config.replace(epochs=1, stages="head"), Journal()).network

    start = build(config, dataset.tree).state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, start[name]) == name.startswith("trunk."), name
    assert not torch.equal(first["trunk.0.0.1.running_mean"], start["trunk.0.0.1.running_mean"])


def test_columns_of_the_catalog_are_learned_from(config):
    catalog, images = sky.galaxies(200)
    images[:] = 128  # nothing to see: only the column tells
    leading = catalog.votes[:, :3].argmax(1).astype(np.float32)[:, None]
    leading[::7] = np.nan
    catalog = sky.catalog(catalog.votes, aux_names=("kind",), aux=leading)
    seeing = config.replace(aux=("kind",), epochs=20)

    dataset = from_catalog(catalog, images, seeing)
    fitted = loop.fit(dataset, seeing, Journal())

    places = dataset.part("test")
    alpha = predict_alpha(fitted.network, dataset, places)
    hit = alpha[:, :3].argmax(1) == catalog.votes[places, :3].argmax(1)
    assert hit[np.isfinite(leading[places, 0])].mean() > 0.9


def test_alignment_with_a_second_survey_trains(dataset, config):
    journal = Journal()
    unlabeled = sky.galaxies(40, seed=5)[1] // 2

    loop.fit(dataset, config.replace(epochs=1, adapt="alignment"), journal, unlabeled=unlabeled)

    assert math.isfinite(journal.rows[0]["loss"])


KILLED = """
import json, os, signal, sys
from pathlib import Path
from tests.training.test_loop import Journal, dataset_and_config
from training import loop

class Dying(Journal):
    def beat(self, **facts):
        if facts["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGKILL)

dataset, config = dataset_and_config()
loop.fit(dataset, config, Dying(), checkpoints=Path(sys.argv[1]))
"""


def dataset_and_config():
    catalog, images = sky.galaxies(400)
    config = CONFIG.replace(epochs=3)
    return from_catalog(catalog, images, config), config


def test_kill_9_in_the_middle_of_an_epoch_resumes_to_the_same_losses(tmp_path):
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        env=environment, cwd=root, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL
    assert checkpoint.load_newest(tmp_path / "killed")[0].epoch == 1

    data, config = dataset_and_config()
    resumed, whole = Journal(), Journal()
    loop.fit(data, config, resumed, checkpoints=tmp_path / "killed")
    loop.fit(data, config, whole)

    assert losses(resumed) == losses(whole)[1:]


TOGETHER = """
import json, os
from pathlib import Path
from tests.training.test_loop import Journal, dataset_and_config
from training import loop

dataset, config = dataset_and_config()
journal = Journal()
fitted = loop.fit(dataset, config.replace(epochs=1), journal)
said = json.dumps([journal.rows, float(fitted.network.head.weight.sum())])
Path(__file__).with_name(os.environ["RANK"] + ".json").write_text(said)
"""


@pytest.mark.slow
def test_two_processes_train_one_network_together(tmp_path):
    root = Path(__file__).parents[2]
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         str(script)],
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        cwd=root, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # A file each: what two processes print at once may come on one line.
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert results[0][1] == results[1][1]  # the same weights in both
    assert sorted(len(rows) for rows, _ in results) == [0, 1]  # and one of them tells
