"""manage.py ingest_subjects: its lines, its exit, and what a second run does."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests import make
from webapp.common import work
from webapp.subjects import ingest
from webapp.subjects.models import IngestBatch, Subject

pytestmark = pytest.mark.django_db


def ingest_subjects(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("ingest_subjects", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue() + err.getvalue(), str(error)
    return out.getvalue() + err.getvalue(), ""


def test_a_folder_comes_in_and_again_adds_nothing(tmp_path):
    made = make.subject_set()
    make.picture_folder(tmp_path, 3)

    said, error = ingest_subjects(made.slug, tmp_path)
    assert error == ""
    assert "3 galaxies are new, 0 known already, 0 bad." in said
    assert "0 galaxies are new, 3 known already" in ingest_subjects(made.slug, tmp_path)[0]


def test_bad_rows_are_listed_and_the_command_fails(tmp_path):
    made = make.subject_set()
    (make.picture_folder(tmp_path, 2) / "galaxy-1.png").write_bytes(b"no")

    said, error = ingest_subjects(made.slug, tmp_path)
    assert "2  galaxy-1.png  The file is" in said
    assert error.startswith("Nothing was stored: 1 rows are good")
    assert "use --keep-good-rows" in error
    assert not Subject.objects.exists()

    _, error = ingest_subjects(made.slug, tmp_path, "--keep-good-rows")
    assert error == "1 galaxies are new, 0 known already, 1 bad."


def test_a_dry_run_stores_nothing_and_succeeds(tmp_path):
    made = make.subject_set()
    said, error = ingest_subjects(made.slug, make.picture_folder(tmp_path, 2), "--dry-run")
    assert (error, Subject.objects.count()) == ("", 0)
    assert "Nothing was stored: 2 rows are good" in said


def test_a_stopped_command_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "CHUNK", 2)
    made = make.subject_set()
    make.picture_folder(tmp_path, 6)
    rest = work.rest

    def interrupt(row):
        if row.n_done == 4:
            raise KeyboardInterrupt
        rest(row)

    monkeypatch.setattr(work, "rest", interrupt)
    _, error = ingest_subjects(made.slug, tmp_path, "--keep-good-rows")
    assert error == "Stopped after 4 rows; run the same command again to go on."
    assert Subject.objects.count() == 4

    monkeypatch.setattr(work, "rest", rest)
    said, error = ingest_subjects(made.slug, tmp_path, "--keep-good-rows")
    assert "Going on after 4 rows." in said
    assert "6 galaxies are new" in said
    assert IngestBatch.objects.count() == 1


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    made = make.subject_set()
    assert "there are: " + made.slug in ingest_subjects("nowhere", tmp_path)[1]
    assert "check the path" in ingest_subjects(made.slug, tmp_path / "gone")[1]
    (tmp_path / "a.rar").write_bytes(b"")
    assert "is no folder, .zip or .csv" in ingest_subjects(made.slug, tmp_path / "a.rar")[1]
    (tmp_path / "a.csv").write_bytes(b"")
    assert "empty (0 bytes)" in ingest_subjects(made.slug, tmp_path / "a.csv")[1]


def test_a_batch_that_a_worker_holds_is_left_alone(tmp_path):
    made = make.subject_set()
    make.picture_folder(tmp_path, 1)
    batch = make.batch(tmp_path, into=made)
    assert work.claim(batch)
    assert "A worker is at" in ingest_subjects(made.slug, tmp_path)[1]
