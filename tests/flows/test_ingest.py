"""Galaxies coming in while worker processes are killed, terminated, and run side by side."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests import make
from tests.webapp.common.processes import ROOT, environment, wait_until, worker
from webapp.common.models import WorkStatus
from webapp.subjects.models import IngestBatch, Subject

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CHUNK = 5
TASK = "webapp.subjects.tasks.run_ingest_batches"


def fresh(row: IngestBatch) -> IngestBatch:
    return IngestBatch.objects.get(pk=row.pk)


def has_done(row: IngestBatch, token: int, n_rows: int) -> bool:
    """Whether so many rows are done, and the last of them by who came with this token."""
    now = fresh(row)
    return now.token == token and now.n_done >= n_rows


def is_done(row: IngestBatch) -> bool:
    return fresh(row).status == WorkStatus.DONE


@pytest.fixture
def folder(tmp_path):
    """Forty galaxies, and three files that are none."""
    made = make.picture_folder(tmp_path / "sky", 40)
    for number in (3, 17, 39):
        (made / f"galaxy-{number}.png").write_bytes(b"no picture")
    return made


def test_an_ingest_goes_on_where_its_killed_workers_stopped(folder):
    batch = make.batch(folder, keeps_good_rows=True)
    for token in (1, 2):
        n_rows = fresh(batch).n_done + CHUNK
        with worker("ingest", str(CHUNK)) as process:
            wait_until(partial(has_done, batch, token, n_rows), within_s=30)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert fresh(batch).n_done < 40
        assert Subject.objects.count() == fresh(batch).n_added
    with worker("ingest", str(CHUNK)):
        wait_until(lambda: is_done(batch), within_s=30)

    batch = fresh(batch)
    assert (batch.token, batch.n_added, batch.n_bad, batch.n_known) == (3, 37, 3, 0)
    names = Counter(Subject.objects.values_list("survey_id", flat=True))
    assert len(names) == 37
    assert batch.problems.count() == 3


def test_two_workers_and_two_batches_of_one_set_make_each_galaxy_once(folder):
    first = make.batch(folder, keeps_good_rows=True)
    second = make.batch(folder, keeps_good_rows=True, into=first.subject_set)
    with worker("ingest", str(CHUNK)), worker("ingest", str(CHUNK)):
        wait_until(lambda: is_done(first) and is_done(second), within_s=60)

    first, second = fresh(first), fresh(second)
    assert first.token == second.token == 1
    assert first.n_added + second.n_added == Subject.objects.count() == 37
    assert first.n_known + second.n_known == 37


@contextlib.contextmanager
def celery_worker(var: Path):
    """The site's own worker, with the file broker in a folder of the test."""
    command = ["-m", "celery", "-A", "webapp", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    log = (var / "worker.log").open("w")
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment(VAR_DIR=str(var)),
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until(lambda: " ready." in (var / "worker.log").read_text(), within_s=40)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def wake_up(var: Path) -> None:
    """Send what a commit sends."""
    subprocess.run(
        [sys.executable, "-m", "celery", "-A", "webapp", "call", TASK],
        env=environment(VAR_DIR=str(var)),
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


@pytest.mark.slow
def test_a_terminated_celery_worker_drains_and_a_killed_one_is_replaced(tmp_path, shared):
    pictures = shared / "data" / "gz2_kaggle" / "images"
    batch = make.batch(pictures, is_dry_run=True)
    (tmp_path / "var").mkdir()
    with celery_worker(tmp_path / "var") as process:
        wake_up(tmp_path / "var")
        wait_until(lambda: fresh(batch).n_done > 0, within_s=60)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    stopped = fresh(batch)
    assert (stopped.status, stopped.attempts) == (WorkStatus.PENDING, 0)
    assert 0 < stopped.n_done < 1339

    with celery_worker(tmp_path / "var") as process:
        wake_up(tmp_path / "var")
        wait_until(lambda: fresh(batch).n_done > stopped.n_done, within_s=60)
    killed = fresh(batch)
    assert killed.status == WorkStatus.RUNNING

    def goes_on() -> bool:
        """Repeat the call as beat does: one may come while the dead worker still has its lease."""
        wake_up(tmp_path / "var")
        return fresh(batch).n_done > killed.n_done

    with celery_worker(tmp_path / "var"):
        took_s = wait_until(goes_on, within_s=60)
    assert fresh(batch).token == 3
    assert took_s < 60
