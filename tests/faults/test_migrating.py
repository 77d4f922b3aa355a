"""An upgrade that is killed half-way, and volunteers who answer meanwhile: F32, RS-33.

There is no older version to be had here, so this one is the older: `newer` is a version after it,
with a column of the answers' table that only it reads, and migrations that expand, fill and check.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults import crowd, place
from tests.faults.crowd import Ledger
from tests.faults.forms import long_form
from tests.faults.test_upgrade import LONGEST_LOCK_S, Voter
from tests.webapp.backups.sites import empty_place, served
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]
GALAXIES = 40
CAMPAIGNS = [{"slug": "many", "galaxies": GALAXIES, "votes": 1000}]
UNHURRIED = {"ANSWERS_PER_MINUTE": "100000"}
NEWER = UNHURRIED | {"DJANGO_SETTINGS_MODULE": "tests.faults.newer.settings"}
TRIED_AGAIN = "It is tried again"
FILLED = "SELECT count(*) FROM consensus_consensus WHERE n_looks IS NOT NULL"


@contextlib.contextmanager
def migrating(site: place.Place) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py migrate` in a process that the test may kill."""
    command = [sys.executable, "manage.py", "migrate", "--verbosity=1"]
    with place.running(site, command, "migrate") as process:
        yield process


def log(site: place.Place) -> str:
    return (site.var / "log" / "migrate.test.log").read_text()


def count(site: place.Place, query: str) -> int:
    """What a query counts; 0 while its table or column is not there yet."""
    try:
        return int(site.sql(query)[0][0])
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return 0


def applied(site: place.Place) -> list[tuple[str, str]]:
    return [(app, name) for app, name in site.sql("SELECT app, name FROM django_migrations")]


def is_there(site: place.Place, table: str) -> bool:
    return site.sql("SELECT to_regclass(%s) IS NOT NULL", [table]) == [(True,)]


def is_waiting_for(site: place.Place, table: str) -> bool:
    query = (
        "SELECT pid FROM pg_locks WHERE NOT granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND relation = to_regclass(%s)"
    )
    return site.sql(query, [table]) != []


@long_form
def test_a_migration_that_is_killed_leaves_nothing_half_and_the_next_try_finishes(tmp_path):
    """SIGKILL while one of its statements waits for a table."""
    with served(empty_place(tmp_path, **UNHURRIED)) as site:
        kill_a_migration(site)


def kill_a_migration(site: place.Place) -> None:
    table = "workflows_workflow"  # tables that refer to it come until the end
    with migrating(site) as process:
        place.wait_until(lambda: is_there(site, "predictions_prediction"), process, "most of it")
        with psycopg.connect(embedded.database_url(site.var)) as other:
            other.execute(f"LOCK TABLE {table} IN SHARE MODE")
            place.wait_until(lambda: is_waiting_for(site, table), process, "a migration")
            process.kill()
            process.wait()
            other.rollback()
    place.wait_until(lambda: not is_waiting_for(site, table), what="the end of its session")
    before = applied(site)

    finished = site.run("manage.py", "migrate")
    assert finished.returncode == 0, finished.stderr
    after = applied(site)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after) > len(before)


@contextlib.contextmanager
def voting(*sites: place.Place) -> Iterator[Ledger]:
    """Somebody answers on each site, one galaxy after the other, until the end."""
    ledger = Ledger()
    clients = [crowd.Stubborn(site.port, "many", ledger, give_up_s=place.LONG_S) for site in sites]
    threads = [threading.Thread(target=answer_until, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    try:
        yield ledger
    finally:
        for one in clients:
            one.give_up_at_s = 0.0
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def waiting(site: place.Place) -> Iterator[Voter]:
    """Somebody wants the tables that a vote needs, and notes how long that took."""
    voter = Voter(embedded.database_url(site.var))
    voter.start()
    try:
        yield voter
    finally:
        voter.is_over = True
        voter.join()


def answer_until(client: crowd.Stubborn) -> None:
    with contextlib.suppress(TimeoutError):
        while True:
            client.classify(1000)


def wait_for_votes(ledger: Ledger, n_votes: int, web: subprocess.Popen[bytes]) -> None:
    goal = len(ledger.acknowledged) + n_votes
    place.wait_until(lambda: len(ledger.acknowledged) >= goal, web, "answers")


def assert_nobody_noticed(site: place.Place, ledger: Ledger) -> None:
    """Every request was answered at once, and what was acknowledged is stored once."""
    assert ledger.problems == []
    assert set(ledger.statuses) <= {200, 302}
    assert ledger.n_broken == 0
    found = site.sql(
        "SELECT uuid::text, id FROM classifications_classification WHERE uuid = ANY(%s::uuid[])",
        [list(ledger.sent)],
    )
    assert ledger.acknowledged.items() <= dict(found).items()
    site.assert_recount_agrees()


@pytest.fixture
def live(tmp_path) -> Iterator[tuple[place.Place, subprocess.Popen[bytes]]]:
    """A campaign of this version, served by its web processes."""
    prepared = place.prepare(tmp_path, CAMPAIGNS, **UNHURRIED)
    with served(prepared) as site, place.web(site) as web:
        yield site, web


@long_form
def test_an_upgrade_that_is_killed_half_way_disturbs_no_answer_and_is_run_again(live):
    """First somebody reads for long, as a file that is being made; then the migration is killed."""
    site, web = live
    newer = place.Place(site.var, site.port, NEWER)
    table = "classifications_classification"
    with voting(site) as ledger:
        wait_for_votes(ledger, 3, web)
        with waiting(site) as voter, migrating(newer) as process:
            with psycopg.connect(embedded.database_url(site.var)) as reader:
                reader.execute(f"SELECT FROM {table} LIMIT 1")
                place.wait_until(lambda: TRIED_AGAIN in log(site), process, "a second try")
                wait_for_votes(ledger, 3, web)
                assert count(site, FILLED) == 0
                reader.rollback()
            place.wait_until(lambda: count(site, FILLED) > 2, process, "some that are filled")
            process.kill()
            process.wait()
        assert count(site, FILLED) < GALAXIES
        wait_for_votes(ledger, 10, web)
        finished = newer.run("manage.py", "migrate")
        assert finished.returncode == 0, finished.stderr
    assert count(site, FILLED) == GALAXIES
    assert max(voter.waits_s) < LONGEST_LOCK_S
    assert_nobody_noticed(site, ledger)


@long_form
def test_older_and_newer_web_processes_serve_the_same_campaign(live):
    """The newer one reads a column that the older one neither reads nor writes."""
    site, _ = live
    newer = place.Place(site.var, place.free_port(), NEWER)
    migrated = newer.run("manage.py", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    with place.web(newer, n_processes=1) as newer_web:
        somebody = crowd.Stubborn(newer.port, "many", Ledger(), give_up_s=place.LONG_S)
        somebody.classify(1)
        with voting(site, newer) as ledger:
            wait_for_votes(ledger, 40, newer_web)
        # A page that reads whole answers, with the column.
        assert somebody.request("GET", "/my/")[0] == 200
    assert_nobody_noticed(site, ledger)
