"""Kills while backups are made and restored: half a backup is none, half a restore goes on."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import place
from tests.faults.forms import long_form
from tests.faults.place import ROOT, Place
from tests.webapp.backups.sites import empty_place, served
from webapp.backups.folder import backups_in, open_backup

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("backups")]
N_FILES = 300
SEED = 2


@pytest.fixture
def site(tmp_path):
    """A site with galaxies, and some hundred files of a release."""
    made = place.prepare(tmp_path, [{"slug": "kept", "galaxies": 500, "votes": 3}])
    folder = made.var / "releases" / "kept" / "1"
    folder.mkdir(parents=True)
    chance = random.Random(SEED)
    for number in range(N_FILES):
        (folder / f"{number}.csv").write_bytes(chance.randbytes(20_000))
    with served(made):
        yield made


def kill_when(site: Place, is_time, *arguments: str) -> bool:
    """Run a command and kill it at a moment; False if it had ended before."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=site.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not is_time():
        time.sleep(0.002)
    is_killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return is_killed


def n_kept(folder: Path) -> int:
    return len(list((folder / "files").glob("??/*")))


@long_form
def test_a_backup_that_is_killed_is_none_and_the_next_one_is_whole(site, tmp_path):
    folder = tmp_path / "backups"

    def unfinished(name):
        return lambda: list(folder.glob(f".unfinished-*/{name}"))

    moments = [
        lambda: n_kept(folder) > N_FILES // 3,
        unfinished("database.dump"),
        unfinished("files.jsonl.gz"),
        unfinished("backup.json"),
    ]
    killed = [kill_when(site, moment, "backup", "--to", str(folder)) for moment in moments]
    assert killed[:2] == [True, True]
    assert len(backups_in(folder)) == killed.count(False)
    for path in backups_in(folder):  # one that came through before it could be killed is whole
        assert open_backup(path, "")
        shutil.rmtree(path)

    made = site.run("manage.py", "backup", "--to", str(folder))
    assert made.returncode == 0, made.stderr
    (path,) = backups_in(folder)
    assert n_kept(folder) == N_FILES
    assert {entry.name for entry in folder.iterdir()} == {path.name, "files", ".lock"}
    assert [entry for entry in (folder / "files").iterdir() if len(entry.name) != 2] == []
    tried = site.run("manage.py", "verify_backup", str(path))
    assert tried.returncode == 0, tried.stderr


@long_form
def test_a_restore_that_is_killed_goes_on_with_the_same_command(site, tmp_path):
    folder = tmp_path / "backups"
    assert site.run("manage.py", "backup", "--to", str(folder)).returncode == 0
    (path,) = backups_in(folder)
    new = empty_place(tmp_path / "new")
    release = new.var / "releases" / "kept" / "1"

    def n_restoring():
        return new.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_restore'"
        )[0][0]

    with served(new):
        command = ("restore", str(path))
        assert kill_when(new, lambda: len(list(release.glob("*.csv"))) > N_FILES // 3, *command)
        assert (new.var / "restoring").exists()
        assert kill_when(new, n_restoring, *command)
        place.wait_until(lambda: not n_restoring())
        ((n_tables,),) = new.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert n_tables in (0, len(open_backup(path, "").facts["tables"]))  # all or nothing

        done = new.run("manage.py", *command)
        assert done.returncode == 0, done.stderr
        assert not (new.var / "restoring").exists()
        assert new.sql("SELECT count(*) FROM subjects_subject") == [(500,)]
        assert len(list(release.iterdir())) == N_FILES
        new.assert_recount_agrees()

        # Somebody who begins another restore there is stopped, as the site is not empty.
        again = new.run("manage.py", *command)
        assert again.returncode != 0
        assert "is not empty" in again.stderr


@long_form
def test_a_drill_that_is_killed_leaves_its_database_to_the_next(site, tmp_path):
    folder = tmp_path / "backups"
    assert site.run("manage.py", "backup", "--to", str(folder)).returncode == 0
    (path,) = backups_in(folder)

    def scratch():
        return site.sql("SELECT datname FROM pg_database WHERE datname LIKE %s", ["%drill"])

    assert kill_when(site, scratch, "verify_backup", str(path))
    assert scratch()
    assert site.run("manage.py", "verify_backup", str(path)).returncode == 0
    assert scratch() == []
    assert site.sql("SELECT is_good FROM backups_drill") == [(True,)]


def test_a_folder_that_cannot_be_made_is_told(site, tmp_path):
    folder = Path("/dev/full")
    done = site.run("manage.py", "backup", "--to", str(folder / "backups"))
    assert done.returncode != 0
    assert "cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
