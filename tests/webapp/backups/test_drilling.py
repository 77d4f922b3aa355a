"""The drill: whatever a backup lacks is found by restoring it, and what came out is noted."""

import json
import logging
import os
import shutil
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from tests import make
from tests.webapp.backups.sites import manage, refused
from webapp.backups import drilling, folder, making, restoring, tasks, tools
from webapp.backups.errors import BackupRefused, Busy, NotPossible
from webapp.backups.making import make_backup
from webapp.backups.models import Drill
from webapp.backups.queries import last_good_drill
from webapp.backups.removing import remove_old
from webapp.workflows.models import Workflow

pytestmark = [pytest.mark.xdist_group("backups"), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _places(settings, tmp_path):
    settings.BACKUP_DIR = str(tmp_path / "backups")
    settings.MEDIA_ROOT = tmp_path / "site" / "media"
    settings.MODELS_ROOT = tmp_path / "site" / "models"
    settings.RELEASES_ROOT = tmp_path / "site" / "releases"
    settings.RUNS_DIR = tmp_path / "site" / "runs"
    originals = settings.STORAGES["originals"] | {"OPTIONS": {"location": tmp_path / "originals"}}
    settings.STORAGES = settings.STORAGES | {"originals": originals}


@pytest.fixture
def backups(settings) -> Path:
    return Path(settings.BACKUP_DIR)


def voted():
    """A campaign with pictures, a model and votes; returns its galaxies."""
    workflow = make.workflow()
    galaxies = make.pictured(make.stamped(make.subjects(3)))
    make.link(workflow, galaxies[0].subject_set)
    for galaxy in galaxies:
        make.classification(make.visitor(), workflow, galaxy)
    make.model(workflow=workflow)
    return galaxies


def scratch_databases():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datname = current_database() || '_drill'"
        )
        return cursor.fetchall()


def test_a_good_backup_is_noted_with_what_was_compared(backups):
    voted()
    made = make_backup(backups)
    drill = drilling.try_backup(made.path)
    assert drill.is_good, drill.words
    assert (drill.backup, last_good_drill()) == (made.path.name, drill)
    assert f"{made.n_rows:,} rows" in drill.words
    assert "7 files read" in drill.words  # three displays, three stamps, a model
    assert "1 campaigns counted again without differences" in drill.words
    assert "6 files that rows name were missing" in drill.words  # thumbnails and originals
    assert drill.age_s < 600
    assert scratch_databases() == []


def test_all_of_it_is_of_one_moment(backups, monkeypatch):
    """Somebody votes, and pictures come in, after the rows were counted and before the dump."""
    galaxies = voted()
    facts = making._facts

    def late(now):
        found = facts(now)
        workflow = Workflow.objects.get()
        make.classification(make.visitor(), workflow, galaxies[0])
        make.pictured(make.subjects(2))
        return found

    monkeypatch.setattr(making, "_facts", late)
    made = make_backup(backups)
    drill = drilling.try_backup(made.path)
    assert drill.is_good, drill.words
    assert made.n_files == 9  # also the two new ones, which no row of that moment names
    assert len(made.missing) == 6


# A vote that somebody has slipped in, a number that somebody has changed, ...
DAMAGE = {
    "UPDATE consensus_consensus SET votes = array_fill(9, ARRAY[cardinality(votes)])": (
        "rows of consensus_consensus are not as they were"
    ),
    "DELETE FROM consensus_queue": "The table consensus_queue has 0 rows, and had 6",
    "DROP TABLE explore_edition CASCADE": "The table explore_edition is missing",
    "DELETE FROM subjects_subject WHERE false; UPDATE subjects_subject SET survey_id = 'X' "
    "WHERE id = (SELECT min(id) FROM subjects_subject)": "rows of subjects_subject are not",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_what_was_not_restored_as_it_was_is_found(backups, monkeypatch, statement):
    voted()
    made, restore = make_backup(backups), restoring.restore_database

    def badly(backup, database):
        restore(backup, database)
        with psycopg.connect(tools.conninfo(database), autocommit=True) as scratch:
            scratch.execute("SET tuningfork.may_truncate = on")
            scratch.execute(statement)

    monkeypatch.setattr(drilling, "restore_database", badly)
    drill = drilling.try_backup(made.path)
    assert not drill.is_good
    assert DAMAGE[statement] in drill.words
    assert last_good_drill() is None
    assert scratch_databases() == []


def test_a_tally_that_its_votes_do_not_give_is_found(backups):
    """It is in the backup as it was, and was wrong already."""
    voted()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consensus_consensus SET n_classifications = 7")
    drill = drilling.try_backup(make_backup(backups).path)
    assert not drill.is_good
    assert "stored numbers are not what the votes give" in drill.words


def test_a_damaged_picture_is_found(backups):
    voted()
    made = make_backup(backups)
    path = next((backups / "files").glob("??/*"))
    path.write_bytes(path.read_bytes() + b"x")
    drill = drilling.try_backup(made.path)
    assert not drill.is_good
    assert "was changed after it was written" in drill.words


def test_rows_are_compared_in_number(backups):
    """A thousand, drawn from all tables; each table has some."""
    make.subjects(1500)
    facts = folder.open_backup(make_backup(backups).path, "").facts
    n = {name: len(rows) for name, rows in facts["sample"].items()}
    assert sum(n.values()) >= 1000
    assert n["subjects_subject"] > 500
    assert n["subjects_subjectset"] == 1
    assert len({json.dumps(key) for key, _ in facts["sample"]["subjects_subject"]}) > 500


def test_a_picture_that_is_damaged_on_the_site_is_told_and_not_kept(backups, settings):
    galaxies = voted()
    sha256 = galaxies[0].display_sha256
    name = f"display/{sha256[:2]}/{sha256}.jpg"
    path = Path(settings.MEDIA_ROOT, name)
    path.write_bytes(b"rot")
    made = make_backup(backups)
    assert f"media/{name}" in made.missing
    assert made.n_files == 6
    # What was kept while it was whole is still there, and is what a restore would bring back.
    shutil.rmtree(path.parent)


def test_kept_files_are_kept_once(backups):
    voted()
    make_backup(backups)
    before = {path: path.stat().st_ino for path in (backups / "files").rglob("*")}
    later(backups)
    make_backup(backups)
    assert {path: path.stat().st_ino for path in (backups / "files").rglob("*")} == before


def later(backups):
    """Let the newest backup be a day older, as its name says when it was made."""
    path = folder.backups_in(backups)[-1]
    number = len(folder.backups_in(backups))
    path.rename(path.with_name(f"2026-01-{number:02d}T00-00-00Z"))


def test_old_ones_are_removed_with_the_files_that_only_they_hold(backups, settings):
    voted()
    make_backup(backups)
    later(backups)
    shutil.rmtree(settings.MODELS_ROOT)
    make_backup(backups)
    n_files = len(list((backups / "files").glob("??/*")))
    assert remove_old(backups, keep=1) == 1
    assert len(folder.backups_in(backups)) == 1
    assert len(list((backups / "files").glob("??/*"))) == n_files - 1  # the model's
    assert drilling.try_backup(folder.backups_in(backups)[0]).is_good


def test_no_file_is_removed_while_the_list_of_a_backup_cannot_be_read(backups):
    voted()
    for _ in range(2):
        make_backup(backups)
        later(backups)
    (_, kept) = folder.backups_in(backups)
    (kept / "files.jsonl.gz").write_bytes(b"")
    n_files = len(list((backups / "files").glob("??/*")))
    with pytest.raises(BackupRefused, match="The files of removed backups stay"):
        remove_old(backups, keep=1)
    assert len(list((backups / "files").glob("??/*"))) == n_files


def test_two_do_not_work_on_the_same_backups(backups):
    with folder.held(backups), pytest.raises(Busy, match="Another process works on the backups"):
        make_backup(backups)


# PostgreSQL's programs.


def test_the_wheels_own_programs_are_used():
    assert "pginstall18" in tools.program("pg_dump")
    assert tools.major_version(tools.program("pg_restore")) == 18


def old_program(folder: Path) -> None:
    """A pg_dump of PostgreSQL 15, as many a machine has on PATH."""
    path = folder / "pg_dump"
    path.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)'\n")
    path.chmod(0o755)


def test_an_older_pg_dump_is_refused(backups, monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "_of_the_wheel", lambda _: None)
    old_program(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NotPossible, match="is of PostgreSQL 15, and the database of 18: install"):
        make_backup(backups)
    assert folder.backups_in(backups) == []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(NotPossible, match="There is no pg_dump on this machine"):
        make_backup(backups)


@pytest.mark.skipif(not Path("/usr/bin/pg_dump").exists(), reason="no pg_dump of this machine's")
def test_the_pg_dump_of_this_machine_is_refused_if_it_is_older(backups, monkeypatch):
    monkeypatch.setattr(tools, "_of_the_wheel", lambda _: None)
    major = tools.major_version("/usr/bin/pg_dump")
    if major >= 18:
        pytest.skip(f"It is of PostgreSQL {major}.")
    with pytest.raises(NotPossible, match=f"is of PostgreSQL {major}"):
        make_backup(backups)


# Every day.


def test_a_backup_is_made_and_tried_when_the_last_is_a_day_old(backups, settings):
    voted()
    settings.BACKUPS_KEPT = 1
    tasks.back_up_when_due()
    tasks.back_up_when_due()
    assert (len(folder.backups_in(backups)), Drill.objects.count()) == (1, 1)
    later(backups)
    Drill.objects.update(made_at=timezone.now() - timedelta(hours=25))
    tasks.back_up_when_due()
    assert (len(folder.backups_in(backups)), Drill.objects.filter(is_good=True).count()) == (1, 2)


def test_a_bad_backup_removes_no_good_one_and_is_told(backups, settings, caplog, monkeypatch):
    voted()
    settings.BACKUPS_KEPT = 1
    tasks.back_up_when_due()
    later(backups)
    Drill.objects.update(made_at=timezone.now() - timedelta(hours=25))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consensus_consensus SET n_classifications = 7")
    with caplog.at_level(logging.ERROR):
        tasks.back_up_when_due()
        tasks.back_up_when_due()  # not again within some hours
    assert "No good backup was made" in caplog.text
    assert len(folder.backups_in(backups)) == 2
    assert Drill.objects.count() == 2


def test_a_folder_that_cannot_be_written_to_is_told(backups, caplog):
    backups.write_text("no folder")
    tasks.back_up_when_due()
    assert "cannot be written to" in Drill.objects.get().words


def test_without_a_folder_nothing_is_made(backups, settings):
    settings.BACKUP_DIR = ""
    tasks.back_up_when_due()
    assert not Drill.objects.exists()
    assert not backups.exists()


# The commands.


@pytest.mark.processes
def test_the_command_tries_the_newest_and_says_what_came_out(small_site, plain):
    more = {"BACKUP_DIR": str(plain.parent)}
    assert "can be restored" in manage(small_site, "verify_backup", **more)
    assert small_site.sql("SELECT is_good FROM backups_drill") == [(True,)]
    (plain / "database.dump").write_bytes(b"PGDMP")
    assert "it was changed or cut off" in refused(small_site, "verify_backup", **more)
    assert "is no backup" in refused(small_site, "verify_backup", str(plain.parent))
    assert "Where to?" in refused(small_site, "backup")
    assert "would leave no backup" in refused(small_site, "backup", "--keep", "0", **more)
