"""The database is killed, read-only, full, or locked: RS-5, RS-7, RS-41, F3, F4, F8, F11 to F13.

While it is away the site says so and stores nothing; afterwards the same web processes go on.
"""

import contextlib
import http.client
import json
import re
import shutil
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.bench.volunteers import FIELD, _found
from tests.faults import crowd, mounts, place
from tests.faults.crowd import HTMX, Ledger, Stubborn
from tests.faults.forms import long_form
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]
RED_WITHIN_S = 10.0  # RS-41


@dataclass
class Page:
    """A galaxy that waits for its answer in somebody's browser."""

    client: Stubborn
    form: dict[str, str]
    token: str

    @property
    def uuid(self) -> str:
        return self.form["uuid"]

    def post(self) -> tuple[int, bytes, Any]:
        return self.client.request(
            "POST", f"/c/{self.client.slug}/submit/", urlencode(self.form),
            **HTMX, **{"X-CSRFToken": self.token},
        )  # fmt: skip

    def insist(self) -> int:
        """Send it until it is acknowledged; return the number that was told."""
        status, _, headers = self.client.insist(
            "POST", f"/c/{self.client.slug}/submit/", urlencode(self.form),
            **HTMX, **{"X-CSRFToken": self.token},
        )  # fmt: skip
        assert status < 300
        return int(headers["Classification-Id"])


def open_page(site: place.Place, slug: str = "many") -> Page:
    client = Stubborn(site.port, slug, Ledger(), give_up_s=place.LONG_S)
    html = client.open_page()
    form = {"uuid": str(uuid.uuid4()), "shown": _found(FIELD["shown"], html), "path": "0"}
    return Page(client, form, _found(FIELD["csrfmiddlewaretoken"], html))


def stored(site: place.Place, *names: str) -> list[int]:
    query = "SELECT id FROM classifications_classification WHERE uuid = ANY(%s::uuid[])"
    return [number for (number,) in site.sql(query, [list(names)])]


def assert_away(page: Page) -> None:
    """503 with the wait, not a word of saving, and nothing stored."""
    status, content, headers = page.post()
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert headers.get("Classification-Id") is None
    assert b"Saving is paused" in content
    assert b"not stored" in content


def assert_kept_after_all(hurt, page: Page, web_pids: set[int]) -> None:
    """The same answer is stored now, once, by the same web processes."""
    number = page.insist()
    assert page.insist() == number
    assert stored(hurt.place, page.uuid) == [number]
    assert page.client.ledger.problems == []
    assert hurt.web_pids() == web_pids
    hurt.place.assert_recount_agrees()


@contextlib.contextmanager
def as_superuser(site: place.Place) -> Iterator[psycopg.Connection]:
    url = embedded.database_url(site.var)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@pytest.mark.parametrize(
    ("make_so", "undo"),
    [
        (
            ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"],
            ["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"],
        ),
        (
            ["ALTER ROLE tuningfork SET default_transaction_read_only = on", CUT],
            ["ALTER ROLE tuningfork RESET default_transaction_read_only"],
        ),
    ],
    ids=["server", "role"],
)
def test_a_read_only_database_pauses_saving_and_goes_on(hurt, make_so, undo):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    with as_superuser(hurt.place) as connection:
        for statement in make_so:
            connection.execute(statement)
        try:
            place.wait_until(lambda: page.post()[0] == 503, hurt.web, "read-only")
            assert_away(page)
            status, _, _ = page.client.request("GET", "/c/many/classify/")
            assert status == 503
            assert page.client.request("GET", "/my/")[0] == 200  # what only reads goes on
        finally:
            for statement in undo:
                connection.execute(statement)
    assert_kept_after_all(hurt, page, web_pids)
    hurt.place.sql(CUT)  # other threads may still have a connection of the role as it was


@pytest.mark.parametrize(
    ("code", "table"),
    [("53100", "classification"), ("53200", "standing"), ("58030", "standing")],
    ids=["disk full", "no memory", "disk broken"],
)
def test_a_full_database_pauses_saving_and_goes_on(hurt, table, code):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    with as_superuser(hurt.place) as connection:
        connection.execute(
            f"CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION 'no space left on device' USING ERRCODE = '{code}'; END $$;"
            f" CREATE TRIGGER full_disk AFTER INSERT ON classifications_{table}"
            f" FOR EACH ROW EXECUTE FUNCTION is_full()"
        )
        try:
            assert_away(page)
            assert stored(hurt.place, page.uuid) == []
        finally:
            connection.execute("DROP FUNCTION is_full CASCADE")
    assert_kept_after_all(hurt, page, web_pids)


@long_form
def test_a_database_whose_disk_is_full_pauses_saving_and_goes_on(hurt):
    """A real disk, full to its last block; the segment that the log is in was made before."""
    ledger, web_pids = Ledger(), hurt.web_pids()
    data = embedded.data_folder(hurt.place.var).resolve()
    hurt.server.stop()
    try:
        with mounts.own_mounts(), mounts.small_disk(data, free_mb=60) as disk:
            hurt.start_database()
            try:
                vote_while_full(hurt, disk, ledger)
            finally:
                hurt.server.stop()
    finally:
        hurt.start_database()
    assert ledger.problems == []
    assert len(ledger.acknowledged) == 4 * 30
    assert sorted(stored(hurt.place, *ledger.acknowledged)) == sorted(ledger.acknowledged.values())
    assert hurt.web_pids() == web_pids
    hurt.place.assert_recount_agrees()


def vote_while_full(hurt, disk: Path, ledger: Ledger) -> None:
    reader = Stubborn(hurt.place.port, "many", Ledger(), give_up_s=place.LONG_S)
    reader.classify(1)
    hurt.place.sql("SELECT pg_switch_wal()")
    hurt.place.sql("CHECKPOINT")
    filler = mounts.fill(disk)
    threads = crowd.start(
        hurt.place.port, "many", ledger, n_clients=4, n_votes=30, give_up_s=place.LONG_S
    )
    try:
        place.wait_until(partial(was_away, ledger, 12), hurt.web, "503")
        assert reader.request("GET", "/my/")[0] == 200  # what only reads goes on
        assert shutil.disk_usage(disk).free < 65536
    finally:
        filler.unlink()
        for thread in threads:
            thread.join()


def has_come_to(ledger: Ledger, n_answers: int) -> bool:
    return len(ledger.acknowledged) >= n_answers


def was_away(ledger: Ledger, n_times: int) -> bool:
    return ledger.statuses[503] > n_times


def test_a_killed_database_under_load_loses_nothing_and_web_reconnects(hurt):
    ledger, web_pids = Ledger(), hurt.web_pids()
    threads = crowd.start(
        hurt.place.port, "many", ledger, n_clients=8, n_votes=12, give_up_s=place.LONG_S
    )
    for goal in (20, 60):
        place.wait_until(partial(has_come_to, ledger, goal), hurt.web, "answers")
        n_away = ledger.statuses[503]
        hurt.server.kill()
        place.wait_until(partial(was_away, ledger, n_away + 8), hurt.web, "503")
        hurt.start_database()
    for thread in threads:
        thread.join()

    assert ledger.problems == []
    assert len(ledger.acknowledged) == 8 * 12
    assert sorted(stored(hurt.place, *ledger.acknowledged)) == sorted(ledger.acknowledged.values())
    assert hurt.web_pids() == web_pids
    hurt.place.assert_recount_agrees()


def test_an_answer_that_waits_too_long_for_a_lock_is_told_to_come_again(hurt):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    with psycopg.connect(embedded.database_url(hurt.place.var)) as other:
        other.execute("SELECT FROM consensus_consensus FOR UPDATE")
        assert_away(page)
        other.rollback()
    assert_kept_after_all(hurt, page, web_pids)


def test_a_deadlock_ends_with_the_answer_stored_once(hurt):
    """Somebody's own transaction takes the queue first and the tally second."""
    page, web_pids = open_page(hurt.place, "single"), hurt.web_pids()
    in_campaign = "workflow_id = (SELECT id FROM workflows_workflow WHERE slug = 'single')"
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(embedded.database_url(hurt.place.var)) as other,
    ):
        other.execute(f"SELECT FROM consensus_queue WHERE {in_campaign} FOR UPDATE")
        number = pool.submit(page.insist)
        place.wait_until(lambda: number.done() or is_somebody_waiting(hurt.place), hurt.web)
        assert not number.done(), number.result()
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            other.execute(f"SELECT FROM consensus_consensus WHERE {in_campaign} FOR UPDATE")
        other.rollback()
        assert number.result(place.LONG_S) == stored(hurt.place, page.uuid)[0]
    retired = hurt.place.sql(
        f"SELECT retired_by::text FROM consensus_consensus WHERE {in_campaign}"
        " AND retired_at IS NOT NULL"
    )
    assert retired == [(page.uuid,)]
    assert_kept_after_all(hurt, page, web_pids)


def is_somebody_waiting(site: place.Place) -> bool:
    return site.sql("SELECT pid FROM pg_locks WHERE NOT granted") != []


def test_a_database_away_for_a_while_answers_503_and_pages_that_need_none_still_come(hurt):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    hurt.server.stop()
    try:
        for _ in range(20):  # more requests than there are threads
            assert_away(page)
        assert page.client.request("GET", "/static/css/tokens.css")[0] in (200, 404)
        assert page.client.request("GET", "/")[0] == 503
    finally:
        hurt.start_database()
    assert_kept_after_all(hurt, page, web_pids)


def readiness(site: place.Place) -> tuple[int, str]:
    """What the site says to whoever asks whether it may be sent visitors."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=place.LONG_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def is_always(site: place.Place, status: int) -> bool:
    """More requests in a row than there are threads, each of which has its own connection."""
    return all(readiness(site)[0] == status for _ in range(20))


def test_readyz_is_red_within_ten_seconds_of_a_stop_and_green_again(hurt):
    web_pids = hurt.web_pids()
    place.wait_until(lambda: is_always(hurt.place, 200), hurt.web, "green")
    hurt.server.stop()
    try:
        place.wait_until(lambda: is_always(hurt.place, 503), hurt.web, "red", within_s=RED_WITHIN_S)
        _, text = readiness(hurt.place)
        checks = json.loads(text)["checks"]
        assert {name for name, check in checks.items() if not check["ok"]} == {"database"}
        assert "does not answer" in checks["database"]["is"]
        key = (hurt.place.var / "secret-key").read_text()
        hidden = [key, str(hurt.place.var), str(hurt.server.cluster.socket_dir), "postgres"]
        assert [words for words in hidden if words in text] == []
    finally:
        hurt.start_database()
    assert is_always(hurt.place, 200)
    assert hurt.web_pids() == web_pids


FAILS_FIVE_TIMES = """
    CREATE SEQUENCE n_failures;
    GRANT USAGE ON SEQUENCE n_failures TO PUBLIC;
    CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        CASE nextval('n_failures')
            WHEN 1, 3, 5 THEN RAISE serialization_failure;
            WHEN 2, 4 THEN RAISE deadlock_detected;
            ELSE RETURN NULL;
        END CASE;
    END $$;
    CREATE TRIGGER fails AFTER INSERT ON classifications_standing
    FOR EACH ROW EXECUTE FUNCTION fails()
"""


def test_the_site_tries_three_times_then_says_so_and_the_browser_comes_again(hurt):
    page, web_pids = open_page(hurt.place), hurt.web_pids()
    with as_superuser(hurt.place) as connection:
        connection.execute(FAILS_FIVE_TIMES)
        try:
            assert_away(page)
            assert connection.execute("SELECT last_value FROM n_failures").fetchone() == (3,)
            assert stored(hurt.place, page.uuid) == []
            assert page.post()[0] == 200  # at its third try
            assert connection.execute("SELECT last_value FROM n_failures").fetchone() == (6,)
        finally:
            connection.execute("DROP FUNCTION fails CASCADE; DROP SEQUENCE n_failures")
    assert_kept_after_all(hurt, page, web_pids)


def oldest_transaction_s(site: place.Place) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(r"^site_oldest_transaction_seconds (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


def test_a_transaction_that_somebody_leaves_open_keeps_nobody_and_its_age_is_a_figure(hurt):
    """An administrator has read every table, written something, and gone for coffee."""
    web_pids, ledger = hurt.web_pids(), Ledger()
    with psycopg.connect(embedded.database_url(hurt.place.var)) as other:
        for table in ("classifications_classification", "consensus_consensus"):
            other.execute(f"SELECT count(*) FROM {table}")
        other.execute("UPDATE workflows_workflow SET text = 'New words.' WHERE slug = 'single'")
        before_s = oldest_transaction_s(hurt.place)
        threads = crowd.start(
            hurt.place.port, "many", ledger, n_clients=4, n_votes=3, give_up_s=place.LONG_S
        )
        for thread in threads:
            thread.join()
        assert ledger.problems == []
        assert len(ledger.acknowledged) == 4 * 3
        assert set(ledger.statuses) <= {200, 302}
        place.wait_until(lambda: oldest_transaction_s(hurt.place) > before_s + 1, hurt.web, "age")
        other.rollback()
    place.wait_until(lambda: oldest_transaction_s(hurt.place) < before_s + 1, hurt.web, "youth")
    assert hurt.web_pids() == web_pids
    hurt.place.assert_recount_agrees()
