"""RS-1, RS-11: every process of the site, and its broker, is killed at random under load.

The short form runs with all tests; FAULTS=long is the one with 200 clients and 104 kills, once with
the embedded broker and once with a Redis, and with the site's own lease and beat.
"""

import os
import random
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass
from functools import partial

import pytest

from tests.faults import brokers, crowd, place
from tests.faults.crowd import Ledger
from tests.faults.jobs import PICTURES, Jobs
from tests.faults.place import Place
from tests.load.figures import markdown

pytestmark = [pytest.mark.processes, pytest.mark.slow]
SEED = 1936
HOLDERS = ["worker", "worker child"]  # of jobs
KINDS = ["web", "web child", "database", "database child", *HOLDERS, "beat", "broker"]
TAKEN_OVER_WITHIN_S = 60.0


@dataclass(frozen=True)
class Size:
    n_clients: int
    n_votes: int
    n_kills: int
    n_galaxies: int
    n_jobs: int
    give_up_s: float
    settings: dict[str, str]
    brokers: list[str]

    @property
    def n_all(self) -> int:
        return self.n_clients * self.n_votes


SHORT = Size(
    n_clients=12, n_votes=15, n_kills=8, n_galaxies=30, n_jobs=2, give_up_s=240,
    settings={"BEAT_EVERY_S": "2", "LEASE_S": "4"}, brokers=["files"],
)  # fmt: skip
LONG = Size(
    n_clients=200, n_votes=50, n_kills=104, n_galaxies=1500, n_jobs=16, give_up_s=3000,
    settings={}, brokers=brokers.NAMES,
)  # fmt: skip
SIZE = LONG if os.environ.get("FAULTS") == "long" else SHORT


@pytest.fixture(params=SIZE.brokers)
def broker(request, tmp_path):
    with brokers.running(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def site(tmp_path, broker) -> Place:
    campaign = {"slug": "kills", "galaxies": SIZE.n_galaxies, "votes": 10}
    return place.prepare(tmp_path, [campaign], **SIZE.settings, **broker.environment)


def kill_at_random(supervisor, ledger: Ledger, threads, broker, jobs: Jobs) -> list[str]:
    """Kill something each time the crowd has come a step further, until all kills are done.

    Steps are answers, not seconds: on a slow machine as many kills meet as many answers.
    """
    chance, killed = random.Random(SEED), []
    kinds = (KINDS * (SIZE.n_kills // len(KINDS) + 1))[: SIZE.n_kills]
    chance.shuffle(kinds)
    for step, kind in enumerate(kinds, start=1):
        goal = chance.uniform(step - 1, step) * SIZE.n_all * 0.9 / SIZE.n_kills
        while len(ledger.acknowledged) < goal and any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
        if kind == "broker":
            broker.kill()
        else:
            place.wait_until(partial(_kill, supervisor, kind, chance), supervisor, kind)
        if kind in HOLDERS:
            jobs.killed_at.append(time.monotonic())
        killed.append(kind)
    return killed


def _kill(supervisor: subprocess.Popen[bytes], kind: str, chance: random.Random) -> bool:
    """Kill one process of a kind; False while there is none, as it has not come back yet."""
    pids = place.parts(supervisor.pid).get(kind, [])
    try:
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return bool(pids)


def test_every_acknowledged_answer_is_there_once_whatever_is_killed(site, broker, tmp_path):
    ledger, started_s = Ledger(), time.monotonic()
    jobs = Jobs(site, tmp_path, n_jobs=SIZE.n_jobs)
    with place.whole_site(site) as supervisor:
        threads = crowd.start(
            site.port, "kills", ledger, n_clients=SIZE.n_clients, n_votes=SIZE.n_votes,
            give_up_s=SIZE.give_up_s,
        )  # fmt: skip
        jobs.start()
        killed = kill_at_random(supervisor, ledger, threads, broker, jobs)
        for thread in threads:
            thread.join()
        place.wait_until(jobs.is_done, supervisor, "every ingest", within_s=SIZE.give_up_s)
        jobs.end()
        stored = dict(site.sql("SELECT uuid::text, id FROM classifications_classification"))
        report(ledger, killed, stored, jobs, time.monotonic() - started_s)
        assert_nothing_is_lost_or_doubled(site, ledger, stored)
        jobs.assert_done_once()
        assert max(jobs.takeovers_s, default=0) < TAKEN_OVER_WITHIN_S

    assert len(killed) == SIZE.n_kills
    site.assert_recount_agrees()


def assert_nothing_is_lost_or_doubled(site: Place, ledger: Ledger, stored: dict[str, int]) -> None:
    assert ledger.problems == []
    assert len(ledger.acknowledged) == SIZE.n_all
    # What was acknowledged is there under the very number that was told.
    assert {name: stored.get(name) for name in ledger.acknowledged} == ledger.acknowledged
    assert stored.keys() <= ledger.sent
    assert doubled(site) == []
    ((n_standing, n_tallied),) = site.sql(
        "SELECT (SELECT count(*) FROM classifications_standing WHERE state = 'counted'),"
        " (SELECT sum(n_classifications) FROM consensus_consensus)"
    )
    assert n_standing == n_tallied
    assert n_standing <= len(stored)
    ((most,),) = site.sql("SELECT max(n_classifications) FROM consensus_consensus")
    assert most <= 10


def doubled(site: Place) -> list[tuple[int, int]]:
    """Who has answered which galaxy more than once."""
    return site.sql(
        "SELECT volunteer_id, subject_id FROM classifications_classification"
        " GROUP BY 1, 2 HAVING count(*) > 1"
    )


def report(
    ledger: Ledger, killed: list[str], stored: dict[str, int], jobs: Jobs, took_s: float
) -> None:
    """What pytest shows with -s, for docs/benchmarks.md."""
    lost = ledger.acknowledged.keys() - stored.keys()
    took = jobs.takeovers_s or [0.0]
    rows = [
        *([f"kills: {kind}", str(killed.count(kind))] for kind in KINDS),
        ["answers acknowledged", f"{len(ledger.acknowledged):,}"],
        ["stored", f"{len(stored):,}"],
        ["lost", str(len(lost))],
        ["stored twice", str(len(doubled(jobs.site)))],
        ["requests broken off", str(ledger.n_broken)],
        *([f"answers {status}", f"{n:,}"] for status, n in sorted(ledger.statuses.items())),
        [f"ingests of {PICTURES} pictures, each done once", str(jobs.n_jobs)],
        ["of these taken over", str(len(jobs.takeovers_s))],
        ["seconds from the last kill of a worker, median", f"{statistics.median(took):.0f}"],
        ["longest", f"{max(took):.0f}"],
        ["seconds in all", f"{took_s:.0f}"],
    ]
    print("\n" + markdown([f"{SIZE.n_clients} clients, {len(killed)} kills", ""], rows))
