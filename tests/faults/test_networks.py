"""The network between browser, site and database: slow, cut, or silent. F1, F2, F5, F6, F7, F28."""

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from tests.faults import crowd, place
from tests.faults.conftest import IDLE_S
from tests.faults.crowd import Ledger, Stubborn
from tests.faults.proxy import Proxy, before_database
from tests.faults.test_database import (
    Page,
    assert_away,
    assert_kept_after_all,
    is_somebody_waiting,
    open_page,
    stored,
)
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.fixture
def slow(hurt):
    """A relay before the database; every web process has its connections through it."""
    folder = hurt.server.cluster.socket_dir
    with before_database(folder) as proxy:
        cut_web(hurt)
        open_page(hurt.place)
        yield proxy
    cut_web(hurt)


def cut_web(hurt) -> None:
    """End the web's connections to the database, so that it makes new ones."""
    real = hurt.server.cluster.socket_dir
    name = ".s.PGSQL.5499" if (real / ".s.PGSQL.5499").exists() else ".s.PGSQL.5432"
    url = f"{embedded.database_url(hurt.place.var)}&port={name.rpartition('.')[2]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def ask(hurt) -> tuple[int, float]:
    """Ask for a galaxy as somebody new; return status and seconds."""
    client = Stubborn(hurt.place.port, "many", Ledger(), give_up_s=place.LONG_S)
    started_s = time.monotonic()
    status, _, _ = client.request("GET", "/c/many/classify/")
    return status, time.monotonic() - started_s


def test_a_slow_database_is_said_and_nobody_piles_up_before_it(hurt, slow):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    slow.faults.latency_s = 3.0
    started_s = time.monotonic()
    with ThreadPoolExecutor(40) as pool:  # ten times as many as there are threads
        answers = list(pool.map(lambda _: ask(hurt), range(40)))
    took_s = time.monotonic() - started_s
    assert {status for status, _ in answers} <= {302, 503}
    assert [status for status, _ in answers].count(503) > 20
    # One after the other they would take 40 / 8 threads x 4 statements x 3 s.
    assert took_s < 40
    assert_away(page)
    started_s = time.monotonic()
    refused = [ask(hurt) for _ in range(4)]
    assert min(took_s for _, took_s in refused) < 1  # told at once

    slow.faults.latency_s = 0.0
    started_s = time.monotonic()
    place.wait_until(lambda: all(ask(hurt)[0] == 302 for _ in range(6)), hurt.web, "recovery")
    assert time.monotonic() - started_s < 10
    assert_kept_after_all(hurt, page, web_pids)


def test_answers_whose_acknowledgement_is_cut_off_are_stored_once(hurt):
    """The site has stored the answer, and the browser hears one byte of that; it sends it again."""
    web_pids, ledger = hurt.web_pids(), Ledger()
    with Proxy(("127.0.0.1", 0), ("127.0.0.1", hurt.place.port)) as proxy:
        proxy.faults.reset_every = 3
        crowd_ = crowd.start(
            proxy.port, "many", ledger, n_clients=4, n_votes=12, give_up_s=place.LONG_S
        )
        for thread in crowd_:
            thread.join()
    assert ledger.problems == []
    assert len(ledger.acknowledged) == 4 * 12
    assert proxy.n_reset > 12
    assert sorted(stored(hurt.place, *ledger.sent)) == sorted(ledger.acknowledged.values())
    assert hurt.web_pids() == web_pids
    hurt.place.assert_recount_agrees()


@contextlib.contextmanager
def locked_tallies(hurt):
    """Hold what every vote needs, so that votes stop before their commit."""
    with psycopg.connect(embedded.database_url(hurt.place.var)) as other:
        other.execute("SELECT FROM consensus_consensus FOR UPDATE")
        yield
        other.rollback()


def test_a_web_process_killed_before_its_commit_has_stored_nothing(hurt):
    page, before = open_page(hurt.place), hurt.web_pids() - {hurt.web.pid}
    with ThreadPoolExecutor(1) as pool, locked_tallies(hurt):
        number = pool.submit(page.insist)
        place.wait_until(partial(is_somebody_waiting, hurt.place), hurt.web)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        place.wait_until(
            lambda: hurt.web_pids().isdisjoint(before) and len(hurt.web_pids()) > len(before),
            hurt.web, "other web processes",
        )  # fmt: skip
        assert stored(hurt.place, page.uuid) == []
    assert stored(hurt.place, page.uuid) == [number.result(place.LONG_S)]
    assert_kept_after_all(hurt, page, hurt.web_pids())


def test_a_vote_whose_client_has_vanished_frees_the_galaxy(hurt, slow):
    """The web is cut off between two statements of a vote, and no FIN comes (half-open)."""
    page = open_page(hurt.place)
    slow.faults.latency_s = 0.3
    thread = threading.Thread(target=vote, args=(page,))
    thread.start()
    url = f"{embedded.database_url(hurt.place.var)}&port=5499"
    with psycopg.connect(url, autocommit=True) as connection:
        place.wait_until(lambda: _is_in_transaction(connection), hurt.web, "a vote")
        slow.faults.is_silent = True
        assert _is_in_transaction(connection)
        started_s = time.monotonic()
        place.wait_until(lambda: not _is_in_transaction(connection), hurt.web, "the end of it")
        took_s = time.monotonic() - started_s
    assert 1 < took_s < IDLE_S + 5
    slow.faults.latency_s, slow.faults.is_silent = 0.0, False
    thread.join()
    assert_kept_after_all(hurt, page, hurt.web_pids())


def vote(page: Page) -> None:
    with contextlib.suppress(OSError):
        page.post()


def _is_in_transaction(connection: psycopg.Connection) -> bool:
    rows = connection.execute(
        "SELECT FROM pg_stat_activity activity JOIN pg_locks USING (pid)"
        " JOIN pg_class ON pg_class.oid = relation"
        " WHERE relname = 'consensus_consensus' AND mode = 'RowShareLock'"
        " AND pid <> pg_backend_pid()"
    )
    return rows.fetchone() is not None
