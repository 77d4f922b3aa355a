"""RS-1, RS-11: every process of the site, and its broker, is killed at random under load.

The short form runs with all tests; FAULTS=long is the one with 200 clients and 108 kills, with the
site's own lease and beat. The broker is a Redis where there is one, and the site's own elsewhere;
FAULTS_BROKER names another.
"""

import os
import random
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tests.faults import brokers, crowd, place
from tests.faults.crowd import Ledger
from tests.faults.forms import IS_LONG
from tests.faults.jobs import Jobs, waiting
from tests.faults.place import Place
from tests.load.figures import markdown

pytestmark = [pytest.mark.processes, pytest.mark.slow]
SEED = 1936
HOLDERS = ["worker", "worker child"]  # of jobs
OTHERS = ["web", "web child", "database", "database child", "beat", "broker", "scorer"]
ENDS_HOLDERS = [*HOLDERS, "database", "database child"]  # who cannot write gives up
# With the site's own lease and beat, if its next holder is not killed as well: seen, not asserted.
WANTED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Size:
    n_clients: int
    n_each: int  # kills of each kind
    n_between: int  # answers from one kill to the next
    n_galaxies: int
    n_pictures: int  # of each ingest
    settings: dict[str, str]
    others: list[str]
    lease_s: float = 35.0

    @property
    def n_kills(self) -> int:
        return self.n_each * (len(HOLDERS) + len(self.others))


SHORT = Size(
    n_clients=12, n_each=1, n_between=15, n_galaxies=300, n_pictures=30, others=OTHERS[:-1],
    settings={"BEAT_EVERY_S": "5", "LEASE_S": "4"}, lease_s=4.0,
)  # fmt: skip
LONG = Size(
    n_clients=200, n_each=12, n_between=40, n_galaxies=5000, n_pictures=120, others=OTHERS,
    settings={},
)  # fmt: skip
SIZE = LONG if IS_LONG else SHORT
GIVE_UP_S = 3000.0


@pytest.fixture
def broker(tmp_path) -> Iterator[brokers.Broker]:
    with brokers.running(tmp_path) as made:
        yield made


@pytest.fixture
def site(tmp_path, broker) -> Place:
    campaign = {"slug": "kills", "galaxies": SIZE.n_galaxies, "votes": 10}
    jobs = waiting(tmp_path, n_jobs=SIZE.n_each * len(HOLDERS), n_pictures=SIZE.n_pictures)
    return place.prepare(tmp_path, [campaign | jobs], **SIZE.settings, **broker.environment)


@dataclass
class Killer:
    """Kills with two hands: one whoever holds a job, the other everything else.

    The other one waits for answers, not seconds: on a slow machine as many kills meet as many.
    """

    supervisor: subprocess.Popen[bytes]
    broker: brokers.Broker
    jobs: Jobs
    ledger: Ledger
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    killed: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Kill everything as often as the size says."""
        with ThreadPoolExecutor() as hands:
            for done in [hands.submit(self._kill_holders), hands.submit(self._kill_others)]:
                done.result()

    def _kill_holders(self) -> None:
        for kind in self._shuffled(HOLDERS):
            self._wait_until(self.jobs.begin_one, "the database")
            self._wait_until(self.jobs.is_held, "somebody at work")
            self._wait_until(partial(self._pids, "worker"), "a worker")
            before = set(self._pids("worker"))
            self._kill(kind)
            # It ends with its child, so that the next kill meets another one.
            is_gone = partial(self._are_gone, before)
            place.wait_until(is_gone, self.supervisor, "the worker's end")

    def _kill_others(self) -> None:
        for kind in self._shuffled(SIZE.others):
            goal = len(self.ledger.acknowledged) + self.chance.uniform(0, 2 * SIZE.n_between)
            self._wait_until(partial(self._has_come_to, goal), "the next answers")
            self._kill(kind)

    def _shuffled(self, kinds: list[str]) -> list[str]:
        return random.Random(SEED).sample(kinds * SIZE.n_each, SIZE.n_each * len(kinds))

    def _are_gone(self, workers: set[int]) -> bool:
        return workers.isdisjoint(self._pids("worker"))

    def _pids(self, kind: str) -> list[int]:
        return place.parts(self.supervisor.pid).get(kind, [])

    def _wait_until(self, is_true: Callable[[], Any], what: str) -> None:
        place.wait_until(is_true, self.supervisor, what, within_s=GIVE_UP_S)

    def _has_come_to(self, goal: float) -> bool:
        return len(self.ledger.acknowledged) >= goal

    def _kill(self, kind: str) -> None:
        if kind == "broker":
            self.broker.kill()
        else:
            self._wait_until(partial(self._kill_process, kind), kind)
        self.killed.append(kind)

    def _kill_process(self, kind: str) -> bool:
        """Kill one of a kind; False while there is none, as it has not come back yet."""
        pids = self._pids(kind)
        at_work = [pid for pid in pids if kind == "worker child" and place.has_child(pid)]
        try:
            if pids:
                os.kill(self.chance.choice(at_work or pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        if pids and kind in ENDS_HOLDERS:
            self.jobs.killed_at_s.append(time.time())
        return bool(pids)


def test_every_acknowledged_answer_is_there_once_whatever_is_killed(site, broker):
    ledger, is_over, started_s = Ledger(), threading.Event(), time.monotonic()
    with place.whole_site(site) as supervisor:
        jobs = Jobs(site, lease_s=SIZE.lease_s, n_pictures=SIZE.n_pictures)
        killer = Killer(supervisor, broker, jobs, ledger)
        threads = crowd.start(
            site.port, "kills", ledger, n_clients=SIZE.n_clients, n_votes=1, give_up_s=GIVE_UP_S,
            is_over=is_over,
        )  # fmt: skip
        try:
            killer.run()
        finally:
            is_over.set()
        for thread in threads:
            thread.join()
        place.wait_until(jobs.are_done, supervisor, "every job", within_s=GIVE_UP_S)
        stored = dict(site.sql("SELECT uuid::text, id FROM classifications_classification"))
        report(ledger, killer.killed, stored, jobs, time.monotonic() - started_s)
        assert_nothing_is_lost_or_doubled(site, ledger, stored)
        jobs.assert_done_once()
        n_takeovers = len(jobs.takeovers_s())

    assert len(killer.killed) == SIZE.n_kills
    site.assert_recount_agrees()
    assert n_takeovers > 0  # somebody died at work, and all work is done
    # The supervisor sees a kill in the end of a worker that has lost its child.
    said = (site.var / "log" / "supervisor.test.log").read_text()
    assert said.count("worker was ended by signal 9") == SIZE.n_each * len(HOLDERS)


def assert_nothing_is_lost_or_doubled(site: Place, ledger: Ledger, stored: dict[str, int]) -> None:
    assert ledger.problems == []
    assert len(ledger.acknowledged) == len(ledger.sent)
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
    took = jobs.takeovers_s() or [0.0]
    rows = [
        *([f"kills: {kind}", str(killed.count(kind))] for kind in sorted(set(killed))),
        ["answers acknowledged", f"{len(ledger.acknowledged):,}"],
        ["of these lost", str(len(ledger.acknowledged.keys() - stored.keys()))],
        ["answers stored", f"{len(stored):,}"],
        ["of these twice by one person", str(len(doubled(jobs.site)))],
        ["requests broken off", f"{ledger.n_broken:,}"],
        *([f"responses {status}", f"{n:,}"] for status, n in sorted(ledger.statuses.items())),
        [f"ingests of {SIZE.n_pictures} pictures, and as many exports, done", str(jobs.n_begun)],
        ["taken over from the dead", str(len(jobs.takeovers_s()))],
        ["s from the kill to the takeover, median", f"{statistics.median(took):.0f}"],
        ["longest", f"{max(took):.0f}"],
        [f"longer than {WANTED_WITHIN_S:.0f} s", str(sum(s > WANTED_WITHIN_S for s in took))],
        ["s in all", f"{took_s:.0f}"],
    ]
    heading = f"{SIZE.n_clients} clients, {len(killed)} kills, broker: {brokers.NAME}"
    print("\n" + markdown([heading, ""], rows))
