"""RS-1: every process of the site is killed at random while people classify.

The short form runs with all tests; FAULTS=long is the one with 200 clients and 100 kills.
"""

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import partial

import pytest

from tests.faults import crowd, place
from tests.faults.crowd import Ledger
from tests.faults.place import Place

pytestmark = [pytest.mark.processes, pytest.mark.slow]
SEED = 1936
KINDS = ["web", "web child", "database", "database child", "worker", "worker child", "beat"]


@dataclass(frozen=True)
class Size:
    n_clients: int
    n_votes: int
    n_kills: int
    n_galaxies: int
    give_up_s: float

    @property
    def n_all(self) -> int:
        return self.n_clients * self.n_votes


SHORT = Size(n_clients=12, n_votes=15, n_kills=7, n_galaxies=30, give_up_s=240)
LONG = Size(n_clients=200, n_votes=50, n_kills=100, n_galaxies=1500, give_up_s=3000)
SIZE = LONG if os.environ.get("FAULTS") == "long" else SHORT


@pytest.fixture
def site(tmp_path) -> Place:
    campaign = {"slug": "kills", "galaxies": SIZE.n_galaxies, "votes": 10}
    return place.prepare(tmp_path, [campaign], BEAT_EVERY_S="2")


def kill_at_random(supervisor: subprocess.Popen[bytes], ledger: Ledger, threads) -> list[str]:
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
        place.wait_until(partial(_kill, supervisor, kind, chance), supervisor, kind)
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


def test_every_acknowledged_answer_is_there_once_whatever_is_killed(site):
    ledger, started_s = Ledger(), time.monotonic()
    with place.whole_site(site) as supervisor:
        threads = crowd.start(
            site.port, "kills", ledger, n_clients=SIZE.n_clients, n_votes=SIZE.n_votes,
            give_up_s=SIZE.give_up_s,
        )  # fmt: skip
        killed = kill_at_random(supervisor, ledger, threads)
        for thread in threads:
            thread.join()
        stored = dict(site.sql("SELECT uuid::text, id FROM classifications_classification"))
        report(ledger, killed, stored, time.monotonic() - started_s)
        assert_nothing_is_lost_or_doubled(site, ledger, stored)

    assert len(killed) == SIZE.n_kills
    site.assert_recount_agrees()


def assert_nothing_is_lost_or_doubled(site: Place, ledger: Ledger, stored: dict[str, int]) -> None:
    assert ledger.problems == []
    assert len(ledger.acknowledged) == SIZE.n_all
    # What was acknowledged is there under the very number that was told.
    assert {name: stored.get(name) for name in ledger.acknowledged} == ledger.acknowledged
    assert stored.keys() <= ledger.sent
    doubled = site.sql(
        "SELECT volunteer_id, subject_id FROM classifications_classification"
        " GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert doubled == []
    ((n_standing, n_tallied),) = site.sql(
        "SELECT (SELECT count(*) FROM classifications_standing WHERE state = 'counted'),"
        " (SELECT sum(n_classifications) FROM consensus_consensus)"
    )
    assert n_standing == n_tallied
    assert n_standing <= len(stored)
    ((most,),) = site.sql("SELECT max(n_classifications) FROM consensus_consensus")
    assert most <= 10


def report(ledger: Ledger, killed: list[str], stored: dict[str, int], took_s: float) -> None:
    """What pytest shows with -s, for docs/benchmarks.md."""
    lost = ledger.acknowledged.keys() - stored.keys()
    counts = ", ".join(f"{killed.count(kind)} {kind}" for kind in sorted(set(killed)))
    print(
        f"\n{SIZE.n_clients} clients, {len(ledger.acknowledged)} answers acknowledged, "
        f"{len(stored)} stored, {len(killed)} kills ({counts}); lost {len(lost)}; "
        f"{ledger.n_broken} requests broken off; answers by status {dict(ledger.statuses)}; "
        f"{took_s:.0f} s"
    )
