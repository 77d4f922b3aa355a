"""RS-1, RS-11: every process of the site, and its broker, is killed at random under load.

The short form runs with all tests; FAULTS=long is the one with 200 clients and 108 kills, with the
site's own lease and beat. The broker is a Redis where there is one, and the site's own elsewhere.
"""

import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from threading import Thread

import pytest

from tests.faults import brokers, crowd, place
from tests.faults import jobs as faults_jobs
from tests.faults.crowd import Ledger
from tests.faults.jobs import PICTURES, Jobs
from tests.faults.place import Place
from tests.load.figures import markdown

pytestmark = [pytest.mark.processes, pytest.mark.slow]
SEED = 1936
BROKER = brokers.NAMES[-1]
HOLDERS = ["worker", "worker child"]  # of jobs
KINDS = ["web", "web child", "database", "database child", *HOLDERS, "beat", "broker", "scorer"]
TAKEN_OVER_WITHIN_S = 60.0  # with the site's own lease, which a shorter one shortens


@dataclass(frozen=True)
class Size:
    n_clients: int
    n_votes: int
    n_kills: int
    n_galaxies: int
    give_up_s: float
    settings: dict[str, str]
    lease_s: float = 35.0
    kinds: list[str] = field(default_factory=lambda: KINDS)

    @property
    def n_all(self) -> int:
        return self.n_clients * self.n_votes

    @property
    def order(self) -> list[str]:
        """What is killed, one after the other: each kind as often as the others."""
        kinds = self.kinds * (self.n_kills // len(self.kinds))
        random.Random(SEED).shuffle(kinds)
        return kinds


SHORT = Size(
    n_clients=12, n_votes=15, n_kills=8, n_galaxies=30, give_up_s=240, lease_s=4.0,
    settings={"BEAT_EVERY_S": "2", "LEASE_S": "4"}, kinds=KINDS[:-1],
)  # fmt: skip
LONG = Size(
    n_clients=200, n_votes=25, n_kills=108, n_galaxies=1500, give_up_s=3000, settings={}
)  # fmt: skip
SIZE = LONG if os.environ.get("FAULTS") == "long" else SHORT


@pytest.fixture
def broker(tmp_path) -> Iterator[brokers.Files | brokers.Redis]:
    with brokers.running(BROKER, tmp_path) as made:
        yield made


@pytest.fixture
def site(tmp_path, broker) -> Place:
    campaign = {"slug": "kills", "galaxies": SIZE.n_galaxies, "votes": 10}
    n_jobs = sum(kind in HOLDERS for kind in SIZE.order)
    campaign = faults_jobs.prepare(campaign, tmp_path, n_jobs)
    return place.prepare(tmp_path, [campaign], **SIZE.settings, **broker.environment)


@dataclass
class Killer:
    """Kills something each time the crowd has come a step further, until all kills are done.

    Steps are answers, not seconds: on a slow machine as many kills meet as many answers.
    """

    supervisor: subprocess.Popen[bytes]
    broker: brokers.Files | brokers.Redis
    jobs: Jobs
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    killed: list[str] = field(default_factory=list)

    def run(self, ledger: Ledger, threads: list[Thread]) -> None:
        for step, kind in enumerate(SIZE.order, start=1):
            goal = self.chance.uniform(step - 1, step) * SIZE.n_all * 0.9 / SIZE.n_kills
            while len(ledger.acknowledged) < goal and any(thread.is_alive() for thread in threads):
                time.sleep(0.005)
            self.kill(kind)
            self.killed.append(kind)

    def kill(self, kind: str) -> None:
        """Kill one of a kind; whoever may hold a job is killed while it holds one."""
        if kind == "broker":
            self.broker.kill()
            return
        if kind in HOLDERS:
            place.wait_until(self.jobs.begin_one, self.supervisor, "the database")
            place.wait_until(self.jobs.is_held, self.supervisor, "somebody at work")
        place.wait_until(partial(self._kill, kind), self.supervisor, kind)

    def _kill(self, kind: str) -> bool:
        """Kill a process; False while there is none, as it has not come back yet."""
        pids = place.parts(self.supervisor.pid).get(kind, [])
        pids = list(filter(place.has_child, pids)) or pids if kind == "worker child" else pids
        try:
            if pids:
                os.kill(self.chance.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return bool(pids)


def test_every_acknowledged_answer_is_there_once_whatever_is_killed(site, broker):
    ledger, started_s = Ledger(), time.monotonic()
    with place.whole_site(site) as supervisor:
        jobs = Jobs(site, lease_s=SIZE.lease_s)
        killer = Killer(supervisor, broker, jobs)
        threads = crowd.start(
            site.port, "kills", ledger, n_clients=SIZE.n_clients, n_votes=SIZE.n_votes,
            give_up_s=SIZE.give_up_s,
        )  # fmt: skip
        killer.run(ledger, threads)
        for thread in threads:
            thread.join()
        place.wait_until(jobs.are_done, supervisor, "every job", within_s=SIZE.give_up_s)
        stored = dict(site.sql("SELECT uuid::text, id FROM classifications_classification"))
        report(ledger, killer.killed, stored, jobs, time.monotonic() - started_s)
        assert_nothing_is_lost_or_doubled(site, ledger, stored)
        jobs.assert_done_once()
        assert_taken_over(jobs)

    assert len(killer.killed) == SIZE.n_kills
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


def assert_taken_over(jobs: Jobs) -> None:
    """Somebody died at work, and each time somebody else went on in time."""
    assert jobs.takeovers_s()
    if SIZE is LONG:  # a wall time, so only where nobody else is asked to wait for it
        assert max(jobs.takeovers_s()) < TAKEN_OVER_WITHIN_S


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
    took = jobs.takeovers_s() or [0.0]
    rows = [
        *([f"kills: {kind}", str(killed.count(kind))] for kind in SIZE.kinds),
        ["answers acknowledged", f"{len(ledger.acknowledged):,}"],
        ["of these lost", str(len(ledger.acknowledged.keys() - stored.keys()))],
        ["answers stored", f"{len(stored):,}"],
        ["of these twice by one person", str(len(doubled(jobs.site)))],
        ["requests broken off", f"{ledger.n_broken:,}"],
        *([f"responses {status}", f"{n:,}"] for status, n in sorted(ledger.statuses.items())),
        [f"ingests of {PICTURES} pictures, and as many exports, done", str(jobs.n_begun)],
        ["taken over from the dead", str(len(jobs.takeovers_s()))],
        ["s from its last sign of life to the takeover, median", f"{statistics.median(took):.0f}"],
        ["longest", f"{max(took):.0f}"],
        ["s in all", f"{took_s:.0f}"],
    ]
    heading = f"{SIZE.n_clients} clients, {len(killed)} kills, broker: {BROKER}"
    print("\n" + markdown([heading, ""], rows))
