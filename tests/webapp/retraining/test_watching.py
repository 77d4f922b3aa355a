"""What a run directory says, copied into the row: judged by change, short, finite, storable."""

import json
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from inference.formats.run import CANCELLED, FAILED, Result, now
from webapp.common import work
from webapp.retraining import services, tasks, watching
from webapp.retraining.models import TrainingRun

pytestmark = pytest.mark.django_db


def watched(run):
    tasks.watch_runs()
    run.refresh_from_db()
    return run


def silent_for(run, seconds):
    at = timezone.now() - timedelta(seconds=seconds)
    TrainingRun.objects.filter(pk=run.pk).update(beat_changed_at=at)
    run.refresh_from_db()


def test_a_run_that_nobody_has_taken_has_no_worker(training):
    run = watched(training)
    assert (run.worker, run.beat_changed_at) == ("", None)
    assert not watching.is_silent(run)
    assert watching.seconds_left(run) is None


def test_epochs_figures_log_and_energy_are_copied(training, folder):
    assert folder.claim("gpu-7")
    folder.append_metrics(
        {"epoch": 1, "loss": 2.5, "validation_loss": 2.25, "learning_rate": 1e-3, "more": "words"}
    )
    folder.write_heartbeat(epoch=2, step=3, of_steps=12, device="processor, 2 threads")
    folder.say("Going on.")
    (folder.path / "energy.json").write_text('{"joules": {"GPU": 7200}, "is_whole": false}')

    run = watched(training)

    assert (run.worker, run.n_done, run.n_total) == ("gpu-7", 1, 8)
    assert run.metrics == [
        {"epoch": 1, "loss": 2.5, "validation_loss": 2.25, "learning_rate": 0.001}
    ]
    assert run.live == {
        "epoch": 2, "step": 3, "of_steps": 12, "device": "processor, 2 threads",
        "energy_wh": 2.0, "energy_basis": "GPU; a part is unknown",
    }  # fmt: skip
    assert run.log_tail.endswith("Going on.")
    assert watching.share_done(run.metrics, run.live, run.config) == pytest.approx(1.25 / 8)


def test_a_beat_is_judged_by_its_change_on_our_clock(training, folder):
    folder.claim("gpu-7")
    run = watched(training)
    first = run.beat_changed_at
    assert watched(run).beat_changed_at == first
    silent_for(run, 121)
    run = watched(run)
    assert watching.is_silent(run)
    folder.write_heartbeat(at="1970-01-01T00:00:00+00:00")
    assert not watching.is_silent(watched(run))


def test_the_time_left_is_of_this_workers_pace(training, folder):
    folder.claim("gpu-7")
    run = watched(training)
    for epoch in (1, 2):
        folder.append_metrics({"epoch": epoch, "loss": 1.0, "validation_loss": 1.0})
    TrainingRun.objects.update(taken_at=timezone.now() - timedelta(seconds=20))
    run = watched(run)
    assert watching.seconds_left(run) == pytest.approx(60, abs=2)
    folder.write_heartbeat(stage="judging")
    run = watched(run)
    assert watching.seconds_left(run) is None  # patience may have ended it early
    folder.write_heartbeat(epoch=3)
    assert "stage" not in watched(run).live
    folder.break_claim("gpu-7")
    folder.claim("gpu-8")
    run = watched(run)
    assert run.taken_share == 0.25
    assert watching.seconds_left(run) is None


HOSTILE = [
    b"", b"{", b"[]", b"\xff\xfe\x00", b'{"beat": "x"}', b'{"beat": 1e400}', b'{"beat": -5}',
    b'{"beat": 9, "epoch": true, "step": 1e9, "of_steps": [], "stage": {"a": 1}}',
    b'{"beat": 99999999999999999999999999999999, "epoch": 9999999999999}',
    b'{"beat": 1, "device": "\\u0000\\u001b[31m"}',
    json.dumps({"beat": 1, "device": "x" * 100_000}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_directory_does_no_harm(training, folder, content):
    folder.heartbeat_path.write_bytes(content)
    folder.metrics_path.write_bytes(content + b'\n{"epoch": 1, "loss": NaN}\n{"epoch": "1"}\n')
    folder.log_path.write_bytes(content * 3 + b"\x00\x1b[31mred\xed\xa0\x80\n")
    (folder.path / "energy.json").write_bytes(content)
    run = watched(training)
    assert run.is_training
    assert "\x1b" not in run.log_tail
    assert "\0" not in run.log_tail
    assert len(run.live.get("device", "")) <= 200


def test_links_pipes_and_long_logs_are_not_followed(training, folder):
    secret = folder.path.parent / "secret"
    secret.write_text("secret")
    folder.log_path.symlink_to(secret)
    os.mkfifo(folder.heartbeat_path)
    run = watched(training)
    assert run.log_tail == ""
    folder.log_path.unlink()
    folder.log_path.write_text("".join(f"line {number}\n" for number in range(100_000)))
    run = watched(run)
    assert run.log_tail.endswith("line 99999")
    assert run.log_tail.startswith("line ")
    assert len(run.log_tail) <= watching.TAIL_BYTES


def test_what_the_terminal_and_the_log_both_say_is_said_once(training, folder):
    folder.log_path.write_text(
        "Training on processor.\n2026-11-26T02:55:45+00:00 Training on processor.\nepoch 1\n"
    )
    assert watched(training).log_tail == (
        "2026-11-26T02:55:45+00:00 Training on processor.\nepoch 1"
    )


def test_a_failed_training_says_its_sentence(training, folder):
    folder.claim("gpu-7")
    sentence = "The loss became nan in epoch 1, up to step 3: lower learning_rate (now 0.004)."
    folder.write_result(Result(FAILED, now(), error=sentence))
    run = watched(training)
    assert (run.status, run.phase) == ("pending", "collect")
    tasks.work_on_runs()
    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", sentence)
    tasks.watch_runs()
    tasks.work_on_runs()
    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", sentence)


def test_a_run_that_nobody_trains_is_stopped_without_a_trainer(training, folder, alice):
    services.cancel_run(run=training, by=alice)
    run = watched(training)
    tasks.work_on_runs()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert folder.read_result().status == CANCELLED
    assert folder.claimed_by() is None


def test_a_trainer_is_asked_to_stop_and_waited_for(training, folder, alice):
    folder.claim("gpu-7")
    watched(training)
    services.cancel_run(run=training, by=alice)
    run = watched(training)
    assert folder.is_cancelled()
    assert run.is_training
    folder.write_result(Result(CANCELLED, now(), error="The run was cancelled in epoch 2."))
    watched(run)
    tasks.work_on_runs()
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_a_dead_trainer_does_not_keep_a_run_from_being_stopped(training, folder, alice):
    folder.claim("gpu-7")
    watched(training)
    silent_for(training, 121)
    services.cancel_run(run=training, by=alice)
    run = watched(training)
    tasks.work_on_runs()
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_a_directory_that_is_gone_is_said(training, folder):
    folder.path.rename(folder.path.with_name("elsewhere"))
    run = watched(training)
    assert run.status == "failed"
    assert f"{folder.path} is gone: press Retrain again" in run.error


def test_a_folder_of_runs_that_is_not_mounted_is_waited_for(training, folder, settings, tmp_path):
    settings.RUNS_DIR = tmp_path / "not-mounted"
    assert watched(training).is_training


def test_no_worker_claims_what_the_trainer_has(training):
    assert work.claim(training) is None
    assert work.claim_next(TrainingRun) is None
    with work.heartbeat(training):
        training.refresh_from_db()
    assert training.lease_expires_at is None
