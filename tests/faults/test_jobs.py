"""RS-10: a job is a row; the broker, the worker and the message are only how it is noticed."""

import os
import signal
from functools import partial

import pytest

from tests import make
from tests.faults import place
from tests.faults.forms import long_form
from tests.faults.test_database import open_page, stored
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]
CAMPAIGN = {"slug": "many", "galaxies": 20, "votes": 1000}


def is_there(supervisor: int, kind: str) -> bool:
    return kind in place.parts(supervisor)


def statuses(site: place.Place) -> list[str]:
    return [row[0] for row in site.sql("SELECT status FROM subjects_ingestbatch ORDER BY id")]


@long_form
def test_jobs_are_done_though_web_and_worker_were_killed_and_only_if_committed(tmp_path):
    """Kill the process that commits, at once; kill the worker; roll one back."""
    site = place.prepare(tmp_path, [CAMPAIGN], BEAT_EVERY_S="3", LEASE_S="3")
    pictures = make.picture_folder(tmp_path / "pictures", 5)
    with place.whole_site(site) as supervisor:
        rolled_back = site.run("-m", "tests.faults.ingest", "rolled-back", str(pictures))
        assert rolled_back.returncode == 0, rolled_back.stderr
        assert statuses(site) == []

        killed = site.run("-m", "tests.faults.ingest", "killed", str(pictures))
        assert killed.returncode == -signal.SIGKILL
        for kind in ("worker", "worker child", "beat"):
            place.wait_until(partial(is_there, supervisor.pid, kind), supervisor, kind)
            for pid in place.parts(supervisor.pid).get(kind, []):
                os.kill(pid, signal.SIGKILL)
        place.wait_until(lambda: statuses(site) == ["done"], supervisor, "the ingest")

        page = open_page(site)
        assert stored(site, page.uuid) == [] != [page.insist()]
        n_subjects = site.sql("SELECT count(*) FROM subjects_subject WHERE original_name <> ''")
        assert n_subjects == [(20 + 5,)]
    site.assert_recount_agrees()


def test_the_message_of_a_request_reaches_the_broker(tmp_path):
    site = place.prepare(tmp_path, [CAMPAIGN])
    pictures = make.picture_folder(tmp_path / "pictures", 2)
    server = embedded.start(embedded.data_folder(site.var))
    try:
        started = site.run("-m", "tests.faults.ingest", "plain", str(pictures))
    finally:
        server.stop()
    assert started.returncode == 0, started.stderr
    messages = [path.read_text() for path in (site.var / "broker/messages").glob("*.msg")]
    assert sum("run_ingest_batches" in message for message in messages) == 1


def test_without_worker_and_broker_votes_and_jobs_are_stored(tmp_path):
    site = place.prepare(tmp_path, [CAMPAIGN])
    pictures = make.picture_folder(tmp_path / "pictures", 2)
    server = embedded.start(embedded.data_folder(site.var))
    try:
        with place.web(site):
            started = site.run("-m", "tests.faults.ingest", "no-broker", str(pictures))
            assert started.returncode == 0, started.stderr
            assert "beat repeats it" in started.stderr
            assert statuses(site) == ["pending"]
            page = open_page(site)
            assert [page.insist()] == stored(site, page.uuid)
        for part in (site.var / "broker").iterdir():
            part.unlink()
        site.assert_recount_agrees()
    finally:
        server.stop()
