"""Real trainers and workers that are killed, stopped and starved: the run goes on or says why."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as site

from inference.formats.run import CANCELLED
from inference.formats.split import split_of
from tests.faults.forms import long_form
from tests.webapp.common.processes import ROOT, environment, wait_until
from tests.webapp.retraining import campaigns
from tests.webapp.retraining.trainer import PYTHON, needed, trainer, work_until
from webapp.retraining import queries, services, tasks
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Plan, TrainingRun
from webapp.retraining.services import start_run
from webapp.retraining.writing import DRAFTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.processes]
WORKER = ROOT / "tests" / "webapp" / "retraining" / "worker.py"
WITHIN_S = 60.0


@pytest.fixture
def campaign(tmp_path, settings):
    """60 galaxies with answers; pictures lie where a process of the same settings finds them."""
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_ROOT = tmp_path / "models"
    workflow = campaigns.answered(60)
    Plan.objects.create(workflow=workflow, config_name="smoke")
    return workflow


@pytest.fixture
def configs(tmp_path, settings):
    """A folder of other settings to train with."""
    settings.TRAINING_CONFIGS = tmp_path / "configs"
    settings.TRAINING_CONFIGS.mkdir()
    return settings.TRAINING_CONFIGS


@pytest.fixture
def run(campaign):
    """A run that waits."""
    return start_run(workflow=campaign, by=None)


@contextlib.contextmanager
def worker(*arguments: str):
    """A worker that is ready, and is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, str(WORKER), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=environment(RUNS_DIR=str(site.RUNS_DIR)),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fresh(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(pk=run.pk)


def runs_seen() -> list[str]:
    """What a trainer finds in the folder."""
    folder = Path(site.RUNS_DIR)
    return [path.name for path in folder.iterdir() if path.name != DRAFTS]


def blocks(run: TrainingRun) -> list[Path]:
    return list((Path(site.RUNS_DIR) / DRAFTS / run.folder).glob("block-*"))


# Workers that write


def test_a_killed_writer_is_taken_over_and_its_blocks_are_used(run):
    with worker() as first:
        wait_until(lambda: len(blocks(run)) >= 3, within_s=WITHIN_S)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert runs_seen() == []
    before = {path: path.stat().st_mtime_ns for path in blocks(run)}
    with worker():
        wait_until(lambda: len(blocks(run)) > len(before), within_s=WITHIN_S)
        kept = {path: path.stat().st_mtime_ns for path in before if path.exists()}
        wait_until(lambda: fresh(run).is_training, within_s=WITHIN_S)
    assert kept == before
    check_whole(run)


def check_whole(run: TrainingRun) -> None:
    assert runs_seen() == [run.folder]
    folder = folder_of(run)
    request = folder.read_request()
    assert len(folder.open_stamps(request.input, 60)) == 60
    found = fresh(run)
    assert (found.catalog_sha256, found.n_classifications) == (request.catalog_sha256, 120)


def test_two_workers_at_once_make_one_directory(run):
    with worker(), worker():
        wait_until(lambda: fresh(run).is_training, within_s=WITHIN_S)
        time.sleep(0.5)
    check_whole(run)
    assert fresh(run).token == 1


@long_form
def test_a_writer_that_was_stopped_for_long_writes_nothing_late(run):
    with worker() as first:
        wait_until(lambda: len(blocks(run)) >= 2, within_s=WITHIN_S)
        first.send_signal(signal.SIGSTOP)
        with worker():
            wait_until(lambda: fresh(run).is_training, within_s=WITHIN_S)
        facts = TrainingRun.objects.values().get(pk=run.pk)
        first.send_signal(signal.SIGCONT)
        time.sleep(1.5)
    assert TrainingRun.objects.values().get(pk=run.pk) == facts
    check_whole(run)


def test_a_full_disk_leaves_nothing_that_could_be_trained(run, campaign):
    """The blocks fit, and the whole array does not."""
    with worker("200000"):
        wait_until(lambda: not fresh(run).is_open, within_s=WITHIN_S)
    failed = fresh(run)
    assert failed.status == "failed"
    assert "could not be written (File too large): make space in" in failed.error
    assert runs_seen() == []
    assert not (Path(site.RUNS_DIR) / DRAFTS / run.folder).exists()
    again = start_run(workflow=campaign, by=None)
    tasks.work_on_runs()
    check_whole(again)


# Trainers


@needed
@long_form
def test_a_killed_trainer_is_resumed_from_its_checkpoint(run, tmp_path):
    tasks.work_on_runs()
    folder = folder_of(run)
    splits = [split_of(group) for group in folder.read_catalog().groups]
    with trainer(Path(site.RUNS_DIR), lease_s=3) as first:
        wait_until(lambda: len(folder.read_metrics()) >= 2, within_s=120)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    killed_after = len(folder.read_metrics())
    assert folder.read_result() is None
    tasks.watch_runs()
    assert fresh(run).is_training
    with trainer(Path(site.RUNS_DIR), lease_s=3):
        work_until(lambda: not fresh(run).is_open)

    done = fresh(run)
    assert done.status == "done", f"{done.error}\n{done.log_tail}"
    assert killed_after < 8
    assert [row["epoch"] for row in done.metrics] == list(range(1, 9))
    log = folder.log_path.read_text()
    assert "Going on after epoch" in log
    assert "taking over" in (tmp_path / "trainer.log").read_text()
    assert [split_of(group) for group in folder.read_catalog().groups] == splits


@needed
@long_form
def test_a_killed_child_of_the_trainer_goes_on_by_itself(run):
    tasks.work_on_runs()
    folder = folder_of(run)
    with trainer(Path(site.RUNS_DIR)) as watcher:
        wait_until(lambda: len(folder.read_metrics()) >= 1, within_s=120)
        os.kill(child_of(watcher.pid), signal.SIGKILL)
        work_until(lambda: not fresh(run).is_open)
    done = fresh(run)
    assert done.status == "done", f"{done.error}\n{done.log_tail}"
    assert [row["epoch"] for row in done.metrics] == list(range(1, 9))


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@needed
def test_a_training_is_stopped_within_a_step_and_the_next_one_begins(campaign, configs):
    (configs / "long.toml").write_text("size_px = 48\nwidth = 8\nepochs = 900\npatience = 900\n")
    Plan.objects.update(config_name="long")
    run = start_run(workflow=campaign, by=None)
    tasks.work_on_runs()
    folder = folder_of(run)
    with trainer(Path(site.RUNS_DIR)):
        wait_until(lambda: len(folder.read_metrics()) >= 1, within_s=120)
        services.cancel_run(run=fresh(run), by=None)
        work_until(lambda: not fresh(run).is_open, within_s=60)
        assert fresh(run).status == "cancelled"
        assert folder.read_result().status == CANCELLED
        assert 1 <= len(folder.read_metrics()) < 900
    assert start_run(workflow=campaign, by=None) != run


@needed
def test_a_training_that_cannot_succeed_says_its_sentence(campaign, configs):
    (configs / "wild.toml").write_text('size_px = 48\narchitecture = "cubist"\n')
    Plan.objects.update(config_name="wild")
    run = start_run(workflow=campaign, by=None)
    with trainer(Path(site.RUNS_DIR)):
        work_until(lambda: not fresh(run).is_open)
    failed = fresh(run)
    assert failed.status == "failed"
    assert "'cubist'. Write residual, textbook, or timm/" in failed.error


SPOIL = """
import sys
from pathlib import Path
import torch
from inference.formats.tree import load_built_in
from training.checkpoint import save_weights
from training.config import Config
from training.model import build
network = build(Config(size_px=48, width=8), load_built_in("three-class"))
spoilt = {name: torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else tensor
          for name, tensor in network.state_dict().items()}
save_weights(Path(sys.argv[1]), spoilt, {})
"""


@needed
@long_form
def test_a_loss_that_is_no_number_stops_with_a_sentence(campaign, configs, tmp_path):
    """The training begins with weights of which none is a number."""
    weights = tmp_path / "spoilt.safetensors"
    subprocess.run([str(PYTHON), "-c", SPOIL, str(weights)], cwd=ROOT, check=True)
    (configs / "wild.toml").write_text(f'size_px = 48\nwidth = 8\npretrained = "{weights}"\n')
    Plan.objects.update(config_name="wild")
    run = start_run(workflow=campaign, by=None)
    with trainer(Path(site.RUNS_DIR)):
        work_until(lambda: not fresh(run).is_open)
    failed = fresh(run)
    assert failed.status == "failed"
    assert "The loss became nan in epoch 1" in failed.error
    assert "lower learning_rate (now 0.002)" in failed.error
    assert queries.n_new(campaign, at_most=1000) == 120
