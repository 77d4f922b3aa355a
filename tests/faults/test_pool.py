"""F15: a worker whose child was killed ends and is replaced; Celery alone may wait for ever."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests import make
from tests.faults import place
from tests.faults.forms import long_form
from tests.faults.test_jobs import CAMPAIGN, statuses
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]
PICTURES = 200
TASK = "webapp.subjects.tasks.run_ingest_batches"


def workers(supervisor: int) -> list[int]:
    """The main process of the worker."""
    return place.parts(supervisor).get("worker", [])


def children(supervisor: int) -> list[int]:
    return place.parts(supervisor).get("worker child", [])


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def start_ingest(site: place.Place, pictures: Path) -> None:
    started = site.run("-m", "tests.faults.ingest", "plain", str(pictures))
    assert started.returncode == 0, started.stderr


def at_work(supervisor: int) -> list[int]:
    """The children that have a child of their own: the one that decodes pictures."""
    return [pid for pid in children(supervisor) if place.has_child(pid)]


@long_form
def test_a_job_whose_child_was_killed_is_taken_over_by_a_new_worker(tmp_path):
    """With a Redis, whose pool is another one, test_kills sees the same."""
    site = place.prepare(tmp_path, [CAMPAIGN], BEAT_EVERY_S="3", LEASE_S="3")
    pictures = make.picture_folder(tmp_path / "pictures", PICTURES)
    with place.whole_site(site) as supervisor:
        place.wait_until(lambda: len(children(supervisor.pid)) == 2, supervisor, "children")
        before = set(workers(supervisor.pid))
        start_ingest(site, pictures)
        place.wait_until(lambda: at_work(supervisor.pid), supervisor, "a child at work")
        kill_all(at_work(supervisor.pid))

        place.wait_until(
            lambda: not before <= set(workers(supervisor.pid)), supervisor, "the worker's end"
        )
        place.wait_until(lambda: statuses(site) == ["done"], supervisor, "the ingest")
        assert site.sql("SELECT token > 1 FROM subjects_ingestbatch") == [(True,)]
        there = site.sql("SELECT count(*) FROM subjects_subject WHERE original_name <> ''")
        assert there == [(20 + PICTURES,)]


@long_form
def test_a_child_killed_while_it_waits_ends_the_worker_and_its_brothers_are_replaced(tmp_path):
    """It may hold the lock of the queue: the worker ends though no task was lost."""
    site = place.prepare(tmp_path, [CAMPAIGN], BEAT_EVERY_S="600", LEASE_S="3")
    pictures = make.picture_folder(tmp_path / "pictures", 3)
    with place.whole_site(site) as supervisor:
        place.wait_until(lambda: len(children(supervisor.pid)) == 2, supervisor, "children")
        before = children(supervisor.pid)
        kill_all(before[:1])
        place.wait_until(
            lambda: len(set(children(supervisor.pid)) - set(before)) == 2, supervisor,
            "a new worker",
        )  # fmt: skip
        # The supervisor, which stops everything after five failures, is told that this is none.
        said = (site.var / "log" / "supervisor.test.log").read_text()
        assert "worker was ended by signal 9; it starts again" in said
        start_ingest(site, pictures)
        place.wait_until(lambda: statuses(site) == ["done"], supervisor, "the ingest")


@long_form
def test_children_that_are_exchanged_after_each_task_do_not_end_the_worker(tmp_path):
    site = place.prepare(tmp_path, [CAMPAIGN])
    command = [
        *(sys.executable, "-m", "celery", "-A", "webapp.celery", "worker", "--concurrency", "1"),
        *("--max-tasks-per-child", "1", "--without-gossip", "--without-mingle"),
    ]
    server = embedded.start(embedded.data_folder(site.var))
    try:
        with place.running(site, command, "worker") as worker:
            for _ in range(3):
                place.wait_until(partial(direct, worker.pid), worker, "a child")
                before = direct(worker.pid)
                site.run("-m", "celery", "-A", "webapp.celery", "call", TASK)
                place.wait_until(partial(is_exchanged, worker.pid, before), worker, "another child")
            assert worker.poll() is None
    finally:
        server.stop()


def direct(pid: int) -> list[int]:
    return place.parts(pid, is_master=True).get("worker child", [])


def is_exchanged(pid: int, before: list[int]) -> bool:
    return bool(set(direct(pid)) - set(before))
