"""The whole way of a run directory, as its user walks it: real processes, real files."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.formats.predictions import read_predictions
from inference.formats.run import RunFolder
from inference.vision.session import Session
from tests.training import sky
from tests.training.conftest import CONFIG
from training.watch import Watcher

ROOT = Path(__file__).parents[2]
RUN_CONFIG = CONFIG.replace(epochs=4)


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def make_run(path, n=300, config=RUN_CONFIG):
    catalog, images = sky.galaxies(n)
    return RunFolder.create(
        path, catalog=catalog, blocks=[images], spec=config.input, config=config.to_json()
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that was killed in its second epoch, and resumed to its end."""
    run = make_run(tmp_path_factory.mktemp("runs") / "one")
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "run", str(run.path)], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: len(run.read_metrics()) >= 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run.read_result() is None
    done = command("training", "resume", run.path)
    assert done.returncode == 0, done.stderr
    return run


def wait_until(condition, within_s=60.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_is_resumed_to_a_model_a_report_and_a_result(trained):
    result = trained.read_result()

    assert result.status == "done"
    assert [row["epoch"] for row in trained.read_metrics()] == [1, 2, 3, 4]
    assert "Going on after epoch" in trained.log_path.read_text()
    session = Session.open(trained.model_path, gpu="off", expected_sha256=result.model_sha256)
    assert session.card.lineage["config"] == RUN_CONFIG.to_json()
    assert session.card.lineage["energy"]["kwh"] >= 0
    assert session.card.calibration.n_subjects > 0
    report = trained.path / "report"
    assert "# two-steps-" in (report / "model-card.md").read_text()
    assert json.loads((report / "model-card.json").read_text())["model_sha256"]
    assert {path.suffix for path in report.iterdir()} == {".md", ".json", ".png"}


@pytest.mark.slow
def test_the_export_is_repeated_byte_by_byte(trained, tmp_path):
    out = tmp_path / "again.onnx"

    done = command("training", "export", trained.path, "--out", out)

    assert done.returncode == 0, done.stderr
    first, again = (Session.open(p, gpu="off") for p in (trained.model_path, out))
    images = sky.galaxies(4)[1]
    assert np.array_equal(first.run(images)["alpha"], again.run(images)["alpha"])


@pytest.mark.slow
def test_predicting_and_explaining_go_on_from_there(trained, tmp_path):
    images = sky.galaxies(5)[1]
    for number, image in enumerate(images):
        Image.fromarray(image).resize((64, 64)).save(tmp_path / f"{number}.png")
    (tmp_path / "9.png").write_bytes(b"no picture")
    out = tmp_path / "predictions.parquet"

    done = command("inference", "predict", trained.model_path, tmp_path, "--out", out)
    assert done.returncode == 0, done.stderr
    table, about = read_predictions(out)
    explained = command(
        "inference", "explain", trained.model_path, tmp_path / "0.png",
        "--answer", "shape.featured", "--out", tmp_path / "map.png",
    )  # fmt: skip

    assert table.num_rows == 6
    assert about["provider"] == "CPUExecutionProvider"
    assert [error is None for error in table["error"].to_pylist()] == [True] * 5 + [False]
    shares = np.array([table[f"shape_{k}_fraction"] for k in ("smooth", "featured", "artifact")])
    assert shares[:, :5].astype(float).sum(axis=0) == pytest.approx(1, abs=1e-5)
    assert explained.returncode == 0, explained.stderr
    with Image.open(tmp_path / "map.png") as drawn:
        assert drawn.size[0] > 700


@pytest.mark.slow
def test_a_watcher_trains_what_appears_and_says_what_it_leaves_out(tmp_path):
    run = make_run(tmp_path / "good", config=RUN_CONFIG.replace(epochs=1))
    bad = make_run(tmp_path / "bad", config=RUN_CONFIG)
    bad.catalog_path.write_bytes(bad.catalog_path.read_bytes()[:-9])
    (tmp_path / "half").mkdir()  # no request yet, so no run
    lines: list[str] = []

    Watcher(tmp_path, poll_s=0.05, say=lines.append).watch(once=True)

    assert run.read_result().status == "done"
    assert run.claimed_by() is None
    assert bad.read_result().status == "failed"
    assert "SHA-256" in bad.read_result().error
    assert not (tmp_path / "half" / "result.json").exists()


def test_a_silent_worker_is_replaced_and_a_living_one_is_not(tmp_path):
    run = make_run(tmp_path / "one")
    assert run.claim("dead")
    watcher = Watcher(tmp_path, lease_s=0.2, say=lambda _: None)

    assert list(watcher._takeable()) == []
    time.sleep(0.3)
    run.write_heartbeat(epoch=1)  # it lives after all
    assert list(watcher._takeable()) == []
    time.sleep(0.3)

    assert [found.path for found in watcher._takeable()] == [run.path]
    assert run.claimed_by() == watcher.worker


def test_a_child_that_dies_again_and_again_fails_with_a_sentence(tmp_path, monkeypatch):
    run = make_run(tmp_path / "one")
    watcher = Watcher(tmp_path, poll_s=0.01, say=lambda _: None)
    monkeypatch.setattr(watcher, "_run_child", lambda _: -signal.SIGKILL)

    watcher.watch(once=True)

    result = run.read_result()
    assert result.status == "failed"
    assert "SIGKILL 3 times" in result.error
    assert "lower batch_size" in result.error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["training", "run", "nowhere"], "request.json"),
        (["training", "prepare", "nowhere.parquet", "--config", "none.toml", "--out", "x"], "none"),
        (["inference", "predict", "no.onnx", "README.md", "--out", "x.parquet"], "no.onnx"),
        (["inference", "check", "README.md"], "README.md"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_no_traceback(words, sentence):
    done = command(*words)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_cancelled_run_says_so_and_can_be_resumed(tmp_path):
    run = make_run(tmp_path / "one")
    run.cancel()

    done = command("training", "run", run.path)
    assert done.returncode == 1
    assert "cancelled in epoch 1" in done.stderr
    assert run.read_result().status == "cancelled"
    assert not run.model_path.exists()
