"""What a server looks at when it starts: disk, database, clock, tables."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.webapp.test_settings import SERVER
from webapp.common import start

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _space(settings):
    settings.LEAST_FREE_MB = 0


@pytest.mark.django_db
class TestObstacles:
    def test_a_proper_server_has_none(self):
        assert list(start.obstacles()) == []

    def test_a_full_disk(self, settings, tmp_path):
        settings.LEAST_FREE_MB = 10**12
        settings.VAR_DIR = tmp_path / "not" / "made" / "yet"
        (words,) = start.obstacles()
        assert "MB are free on the disk of" in words
        assert "Make space, or set LEAST_FREE_MB" in words

    @pytest.mark.parametrize(("seconds", "words"), [(70, "70 s ahead of"), (-70, "70 s behind")])
    def test_a_clock_that_is_wrong(self, seconds, words):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
            (found,) = start.obstacles()
        assert words in found
        assert "NTP" in found

    @pytest.mark.parametrize("seconds", [50, -50])
    def test_a_clock_that_is_nearly_right(self, seconds):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
            assert list(start.obstacles()) == []

    def test_a_migration_to_run(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM django_migrations WHERE id IN "
                "(SELECT max(id) FROM django_migrations WHERE app = 'explore')"
            )
        (words,) = start.obstacles()
        assert words == "1 migrations have not been run. Run them first: manage.py migrate"

    def test_a_database_that_could_lose_answers(self):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        (words,) = start.obstacles()
        assert "synchronous_commit=off" in words

    def test_an_older_database(self, monkeypatch):
        monkeypatch.setattr(start, "OLDEST_POSTGRES", 19)
        (words,) = start.obstacles()
        assert words.startswith("The database is PostgreSQL 18, and this site needs 19")

    def test_local_mode_is_not_looked_at(self, settings):
        settings.LOCAL_MODE, settings.LEAST_FREE_MB = True, 10**12
        start.refuse_unsafe()

    def test_settings_come_first(self, settings):
        settings.LOCAL_MODE, settings.LEAST_FREE_MB, settings.EMAIL_HOST = False, 10**12, ""
        settings.SECRET_KEY, settings.ALLOWED_HOSTS = SERVER["SECRET_KEY"], ["example.org"]
        with pytest.raises(ImproperlyConfigured, match=r"Set EMAIL_HOST\."):
            start.refuse_unsafe()


PROCESSES = {
    "web": ["-c", "import webapp.wsgi"],
    "worker": ["-m", "celery", "-A", "webapp.celery", "worker", "--pool", "solo"],
    "beat": ["-m", "celery", "-A", "webapp.celery", "beat"],
}


def begin(name: str, var: Path, url: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Let a process of a server start, which does not get far."""
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(var), "LEAST_FREE_MB": "0", **SERVER}
    return subprocess.run(
        [sys.executable, *PROCESSES[name]], cwd=ROOT, capture_output=True, text=True, check=False,
        env=environment | {"DATABASE_URL": url} | more, timeout=60,
    )  # fmt: skip


def elsewhere(**changes: str) -> str:
    """The address of the tests' server, with another name or user in it."""
    parts = conninfo_to_dict(os.environ["TEST_DATABASE_URL"]) | changes
    host, name = str(parts["host"]).replace("/", "%2F"), parts["dbname"]
    return f"postgresql://{parts['user']}@/{name}?host={host}"


@pytest.mark.processes
class TestProcesses:
    @pytest.mark.parametrize("name", PROCESSES)
    def test_tables_of_another_version_refuse_the_start(self, name, tmp_path):
        run = begin(name, tmp_path, elsewhere(dbname="postgres"))
        assert run.returncode not in (0, None)
        last = run.stderr.strip().splitlines()[-1]
        assert "migrations have not been run. Run them first: manage.py migrate" in last

    @pytest.mark.parametrize(
        ("changes", "said"),
        [({"dbname": "nothing"}, '"nothing" does not exist'), ({"user": "eve"}, 'role "eve"')],
    )
    def test_a_wrong_address_of_the_database_refuses_the_start(self, changes, said, tmp_path):
        run = begin("web", tmp_path, elsewhere(**changes))
        assert run.returncode == 1
        last = run.stderr.strip().splitlines()[-1]
        assert last.startswith("django.core.exceptions.ImproperlyConfigured: The database answers")
        assert said in last
        assert "in DATABASE_URL" in last

    def test_a_role_without_rights_refuses_the_start(self, tmp_path):
        owner = os.environ["TEST_DATABASE_URL"]
        with psycopg.connect(make_conninfo(owner, dbname="postgres"), autocommit=True) as server:
            server.execute("CREATE DATABASE of_others")
            server.execute("CREATE ROLE stranger LOGIN")
        with psycopg.connect(make_conninfo(owner, dbname="of_others")) as server:
            columns = "id int, app text, name text, applied date"
            server.execute(f"CREATE TABLE django_migrations ({columns})")
        run = begin("web", tmp_path, elsewhere(dbname="of_others", user="stranger"))
        assert "permission denied for table django_migrations" in run.stderr.splitlines()[-1]
        assert "grant_site_role" in run.stderr.splitlines()[-1]

    def test_a_database_that_is_away_does_not(self, tmp_path):
        run = begin("web", tmp_path, "postgresql://site:secret-word@127.0.0.1:1/site")
        assert run.returncode == 0, run.stderr
        assert "The database is away" in run.stderr
        assert "secret-word" not in run.stderr
