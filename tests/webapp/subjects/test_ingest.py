"""Galaxies coming in, from every kind of source, twice and half-way."""

import csv
import shutil
import time
import zipfile
from pathlib import Path

import pytest

from tests import make
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.subjects import demo, ingest, services, tasks
from webapp.subjects.models import IngestBatch, Phase, Subject, SubjectSet

pytestmark = pytest.mark.django_db


def run(batch: IngestBatch) -> IngestBatch:
    """Let a worker do it now; what fails is raised."""
    claimed = work.claim(batch)
    assert claimed is not None
    ingest.run_batch(claimed)
    batch.refresh_from_db()
    return batch


def reasons(batch: IngestBatch) -> dict[int, str]:
    return dict(batch.problems.values_list("row_number", "reason"))


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_a_folder_comes_in_with_its_pictures_made_once(tmp_path, settings):
    batch = run(make.batch(make.picture_folder(tmp_path / "sky", 3)))

    assert (batch.status, batch.n_added, batch.n_bad, batch.percent) == ("done", 3, 0, 100)
    subject = Subject.objects.get(survey_id="galaxy-1")
    assert (subject.original_name, subject.original_format) == ("galaxy-1.png", "png")
    assert (subject.width_px, subject.height_px) == (128, 128)
    for url in (subject.display_url, subject.thumbnail_url):
        assert Path(settings.MEDIA_ROOT, url.removeprefix(settings.MEDIA_URL)).is_file()
    original = settings.ORIGINALS_ROOT / subject.original_sha256[:2]
    assert (original / f"{subject.original_sha256}.png").read_bytes() == make.picture(1)


def test_new_galaxies_raise_the_version_of_their_set(tmp_path):
    batch = run(make.batch(make.picture_folder(tmp_path, 2)))
    version = SubjectSet.objects.get(pk=batch.subject_set_id).version
    assert version == 1

    run(make.batch(tmp_path, into=batch.subject_set))

    assert SubjectSet.objects.get(pk=batch.subject_set_id).version == version


def test_importing_again_adds_nothing(tmp_path):
    first = run(make.batch(make.picture_folder(tmp_path, 3)))
    again = run(make.batch(tmp_path, into=first.subject_set))

    assert (again.n_added, again.n_known, again.n_bad) == (0, 3, 0)
    assert Subject.objects.count() == 3


def test_a_known_galaxy_with_another_picture_is_a_bad_row(tmp_path):
    first = run(make.batch(make.picture_folder(tmp_path, 2)))
    (tmp_path / "galaxy-1.png").write_bytes(make.picture(77))

    again = run(make.batch(tmp_path, into=first.subject_set))

    assert again.n_bad == 1
    assert "another picture" in reasons(again)[2]
    assert again.is_checked


def test_a_zip_file_comes_in_without_what_systems_leave_behind(tmp_path):
    path = tmp_path / "sky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("field/a.png", make.picture(1))
        archive.writestr("__MACOSX/field/._a.png", b"junk")
        archive.writestr("field/.DS_Store", b"junk")

    batch = run(make.batch(path))

    assert (batch.n_added, batch.n_bad) == (1, 0)
    assert Subject.objects.get().survey_id == "a"


def test_a_dry_run_stores_neither_rows_nor_files(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ORIGINALS_ROOT = tmp_path / "originals"
    batch = run(make.batch(make.picture_folder(tmp_path / "sky", 3), is_dry_run=True))

    assert batch.is_checked
    assert (batch.n_done, batch.n_good) == (3, 3)
    assert not Subject.objects.exists()
    assert not (tmp_path / "media").exists()


def test_after_a_dry_run_the_good_rows_can_be_imported(tmp_path):
    (make.picture_folder(tmp_path, 3) / "galaxy-9.png").write_bytes(b"no picture")
    batch = run(make.batch(tmp_path, is_dry_run=True))
    with pytest.raises(services.IngestRefused, match="1 bad rows: correct them"):
        services.import_checked(batch=batch, keeps_good_rows=False, actor=None)

    batch = run(services.import_checked(batch=batch, keeps_good_rows=True, actor=None))

    assert (batch.status, batch.phase) == (WorkStatus.DONE, Phase.STORE)
    assert (batch.n_added, batch.n_bad, batch.problems.count()) == (3, 1, 1)
    with pytest.raises(services.IngestRefused, match="reload"):
        services.import_checked(batch=batch, keeps_good_rows=True, actor=None)


def test_one_bad_row_keeps_every_row_out_unless_chosen(tmp_path):
    (make.picture_folder(tmp_path, 3) / "galaxy-1.png").write_bytes(b"GIF89a")

    refused = run(make.batch(tmp_path))
    assert Subject.objects.count() == 0
    assert refused.is_checked
    assert "a GIF picture" in reasons(refused)[2]

    kept = run(make.batch(tmp_path, keeps_good_rows=True, into=refused.subject_set))
    assert (kept.n_added, kept.n_bad) == (2, 1)


def test_a_manifest_brings_positions_and_every_column(tmp_path):
    make.picture_folder(tmp_path / "pictures", 2)
    header = ["subject_id", "image", "ra", "dec", "#secret", "!hidden", "%index",
              "#feedback_1_id", "metadata:size", "survey", "survey", ""]  # fmt: skip
    rows: list[list[object]] = [
        ["J1", "galaxy-0.png", "359.99", "-89.5", "a", "b", "1", "7", "big", "x", "y", "=1+1"],
        ["J2", "galaxy-1.png", "", "", "", "", "", "", "", "", "", ""],
    ]
    batch = run(
        make.batch(write_csv(tmp_path / "m.csv", header, rows), pictures=tmp_path / "pictures")
    )

    assert batch.n_added == 2, reasons(batch)
    first = Subject.objects.get(survey_id="J1")
    assert (first.ra_deg, first.dec_deg) == (359.99, -89.5)
    assert first.healpix is not None
    assert first.metadata == {
        "subject_id": "J1", "ra": "359.99", "dec": "-89.5", "#secret": "a", "!hidden": "b",
        "%index": "1", "#feedback_1_id": "7", "size": "big", "survey": "x", "survey (2)": "y",
        "column 12": "=1+1",
    }  # fmt: skip
    assert Subject.objects.get(survey_id="J2").healpix is None
    assert "2 repeated or empty column names" in " ".join(batch.notes)


def test_37_bad_rows_of_many_are_all_reported_with_number_and_reason(tmp_path):
    make.picture_folder(tmp_path / "p", 20)
    bad = [
        ("galaxy-0.png", "361.2", "0", "outside 0 to 360"),
        ("galaxy-1.png", "1", "91", "outside -90 to 90"),
        ("galaxy-2.png", "12:30:45", "5", "in hours"),
        ("galaxy-3.png", "inf", "5", "no number"),
        ("galaxy-4.png", "1e400", "5", "outside 0 to 360"),
        ("galaxy-5.png", "", "5", "alone"),
        ("galaxy-6.png", "1,5", "5", "decimal comma"),
        ("../secret.png", "1", "5", "leads out of the folder"),
        ("/etc/passwd", "1", "5", "absolute path"),
        (r"C:\galaxy.png", "1", "5", "backslash"),
        ("https://example.org/a.png", "1", "5", "fetches nothing"),
        ("gone.png", "1", "5", "no picture"),
        ("", "1", "5", "names no picture"),
    ]
    rows: list[list[object]] = [[f"G{n}", f"galaxy-{n % 20}.png", 10.5, -3] for n in range(200)]
    wanted = {}
    for count in range(37):
        name, ra, dec, reason = bad[count % len(bad)]
        number = 5 * count
        rows[number] = [f"G{number}", name, ra, dec]
        wanted[number + 2] = reason
    path = write_csv(tmp_path / "m.csv", ["id", "file", "ra", "dec"], rows)

    batch = run(make.batch(path, pictures=tmp_path / "p", keeps_good_rows=True))

    told = reasons(batch)
    assert told.keys() == wanted.keys()
    assert {number: wanted[number] for number in told if wanted[number] not in told[number]} == {}
    assert (batch.n_bad, batch.n_added) == (37, 163)


def test_ids_that_stand_twice_are_bad_rows(tmp_path):
    make.picture_folder(tmp_path / "p", 2)
    rows: list[list[object]] = [
        ["A", "galaxy-0.png"],
        ["A", "galaxy-1.png"],
        ["x" * 201, "galaxy-1.png"],
    ]
    batch = run(
        make.batch(write_csv(tmp_path / "m.csv", ["id", "file"], rows), pictures=tmp_path / "p")
    )

    assert "stands in row 2 already" in reasons(batch)[3]
    assert "201 characters" in reasons(batch)[4]


def test_right_ascensions_that_look_like_hours_are_pointed_out(tmp_path):
    make.picture_folder(tmp_path / "p", 1)
    rows: list[list[object]] = [[f"A{n}", "galaxy-0.png", n, 1] for n in range(20)]
    batch = run(
        make.batch(
            write_csv(tmp_path / "m.csv", ["id", "file", "ra", "dec"], rows),
            pictures=tmp_path / "p",
        )
    )
    assert "below 24" in " ".join(batch.notes)


def test_half_a_position_is_refused_with_its_column(tmp_path):
    make.picture_folder(tmp_path / "p", 1)
    path = write_csv(tmp_path / "m.csv", ["file", "ra"], [["galaxy-0.png", "1"]])
    with pytest.raises(DomainError, match="'ra' and not the other half"):
        run(make.batch(path, pictures=tmp_path / "p"))


def test_a_source_that_cannot_be_used_ends_the_batch_with_its_sentence(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("a,b\n1,2\n")
    batch = make.batch(path)

    tasks.run_ingest_batches()

    batch.refresh_from_db()
    assert batch.status == WorkStatus.FAILED
    assert batch.error.startswith("No column of the manifest names a picture")


def test_a_source_that_changed_is_looked_at_anew(tmp_path):
    make.picture_folder(tmp_path / "p", 3)
    rows: list[list[object]] = [["A", "galaxy-0.png"], ["B", "gone.png"]]
    path = write_csv(tmp_path / "m.csv", ["id", "file"], rows)
    batch = run(make.batch(path, pictures=tmp_path / "p", is_dry_run=True))
    write_csv(path, ["id", "file"], [["C", "galaxy-2.png"], ["A", "galaxy-0.png"], ["D", "x.png"]])

    batch = run(services.import_checked(batch=batch, keeps_good_rows=True, actor=None))

    assert reasons(batch).keys() == {4}
    assert set(Subject.objects.values_list("survey_id", flat=True)) == {"A", "C"}


def test_cancel_stops_at_the_next_chunk_and_retry_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "CHUNK", 2)
    make.picture_folder(tmp_path, 6)
    batch = make.batch(tmp_path, keeps_good_rows=True)
    claimed = work.claim(batch)
    assert claimed
    commit = ingest._commit

    def commit_then_cancel(*args, **kwargs):
        commit(*args, **kwargs)
        services.cancel_batch(batch=batch, actor=None)

    monkeypatch.setattr(ingest, "_commit", commit_then_cancel)
    work.run(claimed, ingest.run_batch)
    batch.refresh_from_db()
    assert (batch.status, batch.n_done, batch.n_added) == (WorkStatus.CANCELLED, 2, 2)

    monkeypatch.setattr(ingest, "_commit", commit)
    services.retry_batch(batch=batch, actor=None)
    run(batch)
    assert (batch.status, batch.n_done, batch.n_added) == (WorkStatus.DONE, 6, 6)


def test_a_batch_whose_time_is_spent_goes_on_with_the_next_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "CHUNK", 2)
    batch = make.batch(make.picture_folder(tmp_path, 6), keeps_good_rows=True)
    claimed = work.claim(batch)
    assert claimed

    work.run(claimed, ingest.run_batch, deadline_s=time.monotonic())

    batch.refresh_from_db()
    assert (batch.status, batch.n_done) == (WorkStatus.PENDING, 2)
    assert run(batch).n_added == 6


@pytest.mark.slow
def test_the_deep_field_is_loaded_once():
    made = make.subject_set()
    n_added = demo.load_deep_field(made)

    assert n_added >= 100
    assert demo.load_deep_field(made) == 0
    subject = made.subjects.order_by("pk").first()
    assert subject
    assert "NASA/ESA" in subject.metadata["credit"]
    assert (
        subject.survey_id
        == f"HDF-{float(subject.metadata['x_px']):04.0f}-{float(subject.metadata['y_px']):04.0f}"
    )


def test_every_fits_file_has_the_outcome_that_its_fault_deserves(shared, settings):
    folder = shared / "data" / "fits"
    batch = run(make.batch(folder / "manifest.csv", keeps_good_rows=True))

    refused = {problem.name: problem.reason for problem in batch.problems.all()}
    assert refused.keys() == {
        "blank_pixel.fits", "decals_grz_424_truncated.fits", "header_with_newlines.fits",
        "table_only.fits",
    }  # fmt: skip
    assert batch.n_added == batch.n_done - len(refused)
    placed = Subject.objects.get(original_name="decals_grz_424.fits")
    assert [name for name, _ in placed.band_urls] == ["g", "r", "z"]
    addresses = {url.removeprefix(settings.MEDIA_URL) for _, url in placed.band_urls}
    assert len(addresses) == 3
    assert all(Path(settings.MEDIA_ROOT, address).is_file() for address in addresses)
    assert Subject.objects.get(original_name="m51_no_wcs.fits").bands is None
    assert placed.healpix is not None
    assert Subject.objects.get(original_name="cube_three_axes.fits").notes
    assert Subject.objects.get(original_name="m51_no_wcs.fits").ra_deg is None


def test_the_truncated_jpeg_of_ferengi_is_a_bad_row(shared):
    folder = shared / "data" / "gz_ferengi"
    batch = run(make.batch(folder / "manifest.csv", keeps_good_rows=True))

    assert (batch.n_done, batch.n_bad, batch.n_added) == (56, 1, 55)
    assert "cut off" in batch.problems.get().reason


def test_ferengis_own_manifest_names_pictures_by_their_galaxy(shared, tmp_path):
    folder = shared / "data" / "gz_ferengi"
    batch = run(
        make.batch(folder / "subjects.csv", pictures=folder / "images", keeps_good_rows=True)
    )

    assert batch.n_added == Subject.objects.count() > 20
    subject = Subject.objects.first()
    assert subject
    assert {"survey", "survey (2)", "sdss_id", "sdss_id (2)"} <= subject.metadata.keys()
    assert subject.ra_deg == pytest.approx(float(subject.metadata["ra"]))


def test_zooniverses_subject_export_is_refused_row_by_row_for_its_addresses(shared, tmp_path):
    source = shared / "data" / "zooniverse_exports" / "galaxy_zoo_subjects.csv"
    make.picture_folder(tmp_path / "p", 1)
    batch = run(make.batch(source, pictures=tmp_path / "p"))

    assert batch.n_bad == batch.n_done > 600
    assert all("fetches nothing" in reason for reason in reasons(batch).values())


def test_zooniverses_manifest_with_gold_keeps_its_hidden_columns(shared, tmp_path):
    source = shared / "data" / "zooniverse_exports" / "countertop_subject_manifest_with_gold.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "p").mkdir()
    for number, row in enumerate(rows):
        (tmp_path / "p" / row["#file_name"]).write_bytes(make.picture(number))

    batch = run(make.batch(shutil.copy(source, tmp_path / "m.csv"), pictures=tmp_path / "p"))

    assert (batch.n_added, batch.n_bad) == (len(rows), 0)
    subject = Subject.objects.get(survey_id=rows[0]["!subject_id"])
    assert subject.metadata["#grain_stats(mm)"] == rows[0]["#grain_stats(mm)"]
    assert "#file_name" not in subject.metadata
