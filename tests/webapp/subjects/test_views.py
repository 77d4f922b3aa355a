"""The owners' pages about sets: who sees them, uploads, reports, and what the buttons do."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests import make
from tests.webapp.common.processes import ROOT, environment
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry, WorkStatus
from webapp.subjects import tasks
from webapp.subjects.models import IngestBatch, IngestProblem, Subject, SubjectSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


def zipped(**members: bytes) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return SimpleUploadedFile("sky.zip", buffer.getvalue())


def addresses(found: IngestBatch) -> list[str]:
    slug = found.subject_set.slug
    names = ["batch", "batch_progress", "problems_csv"]
    return [
        reverse("subjects:set", args=[slug]),
        reverse("subjects:upload", args=[slug]),
        *(reverse(f"subjects:{name}", args=[slug, found.pk]) for name in names),
    ]


def actions(found: IngestBatch) -> list[str]:
    names = ["import_batch", "cancel_batch", "retry_batch"]
    return [reverse(f"subjects:{name}", args=[found.subject_set.slug, found.pk]) for name in names]


def test_others_get_404_and_strangers_are_asked_to_sign_in(client, tmp_path):
    owner = make.user("alice", Role.SCIENTIST)
    found = make.batch(make.picture_folder(tmp_path, 1), into=make.subject_set(owner))

    for url in addresses(found):
        assert client.get(url).status_code == 302
    for role, name in [(Role.VOLUNTEER, "bob"), (Role.SCIENTIST, "charlie")]:
        client.force_login(make.user(name, role))
        assert {client.get(url).status_code for url in addresses(found)} == {404}
        assert {client.post(url).status_code for url in actions(found)} == {404}
    found.refresh_from_db()
    assert found.status == WorkStatus.PENDING
    client.force_login(make.user("dora", Role.ADMIN))
    assert client.get(addresses(found)[0]).status_code == 200


def test_a_batch_of_another_set_is_not_found(client, alice, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 1), into=make.subject_set(alice))
    other = make.subject_set(alice)
    assert client.get(reverse("subjects:batch", args=[other.slug, found.pk])).status_code == 404
    assert client.get(reverse("subjects:batch", args=[other.slug, 10**40])).status_code == 404


def test_a_set_is_made_and_its_address_is_free(client, alice):
    for _ in range(2):
        answer = client.post(reverse("subjects:new_set"), {"name": "New"})
        assert answer.status_code == 302
    assert set(SubjectSet.objects.values_list("slug", flat=True)) == {"new-2", "new-3"}
    assert AuditEntry.objects.filter(target="subject set", actor_id=alice.pk).count() == 2


@pytest.mark.parametrize("name", ["", "x" * 121, "a\0b"])
def test_a_bad_name_is_said_with_422(client, alice, name):
    answer = client.post(reverse("subjects:new_set"), {"name": name})
    assert answer.status_code == 422
    assert not SubjectSet.objects.exists()


def test_an_upload_is_checked_then_imported_and_its_files_are_gone(client, alice, settings):
    made = make.subject_set(alice)
    table = b"id;file;ra;dec\nA;a.png;10;5\nB;b.png;361;5\n"
    answer = client.post(
        reverse("subjects:upload", args=[made.slug]),
        {
            "pictures": zipped(**{"a.png": make.picture(1), "b.png": make.picture(2)}),
            "manifest": SimpleUploadedFile("m.csv", table),
            "is_dry_run": "on",
        },
    )
    found = IngestBatch.objects.get()
    page = reverse("subjects:batch", args=[made.slug, found.pk])
    assert answer.url == page
    assert Path(found.source).parent == Path(settings.UPLOADS_ROOT)

    tasks.run_ingest_batches()
    shown = client.get(page).content.decode()
    assert "separated by semicolons" in shown
    assert "RA 361 is outside 0 to 360 degrees" in shown
    assert "Import only the good rows" in shown
    assert not Subject.objects.exists()

    client.post(reverse("subjects:import_batch", args=[made.slug, found.pk]))
    assert not Subject.objects.exists()
    client.post(
        reverse("subjects:import_batch", args=[made.slug, found.pk]), {"keeps_good_rows": "yes"}
    )
    tasks.run_ingest_batches()

    assert Subject.objects.get().survey_id == "A"
    assert not Path(found.source).exists()
    assert not Path(found.picture_folder).exists()
    assert "A" in client.get(reverse("subjects:set", args=[made.slug])).content.decode()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"pictures": SimpleUploadedFile("a.zip", b"GIF89a")}, "no ZIP file by its content"),
        ({}, "required"),
        ({"pictures": zipped(), "manifest": zipped()}, "save the table as CSV"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_422(client, alice, files, words):
    made = make.subject_set(alice)
    for file in files.values():
        file.seek(0)
    answer = client.post(reverse("subjects:upload", args=[made.slug]), files)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not IngestBatch.objects.exists()


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(client, alice, settings):
    settings.MAX_UPLOAD_BYTES = 10
    made = make.subject_set(alice)
    answer = client.post(
        reverse("subjects:upload", args=[made.slug]),
        data=b"x",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="2000000",
    )
    assert answer.status_code == 413
    assert "split it" in answer.content.decode()


def test_an_upload_needs_the_token_of_its_page(alice, settings):
    from django.test import Client  # noqa: PLC0415

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    made = make.subject_set(alice)
    answer = strict.post(reverse("subjects:upload", args=[made.slug]), {"pictures": zipped(a=b"1")})
    assert answer.status_code == 403
    assert not IngestBatch.objects.exists()


def test_the_progress_part_polls_until_the_end_and_never_stands_alone(client, alice, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 2), into=make.subject_set(alice))
    page, part = addresses(found)[2:4]

    assert client.get(part).url == page
    running = client.get(part, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in running.content.decode()
    assert "<html" not in running.content.decode()

    tasks.run_ingest_batches()
    ended = client.get(part, headers={"HX-Request": "true"})
    assert "hx-trigger" not in ended.content.decode()
    assert ended.headers["HX-Refresh"] == "true"
    whole = client.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole
    assert "hx-trigger" not in whole


def test_a_signed_out_poll_leads_to_the_sign_in_page(client, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 1))
    page, part = addresses(found)[2:4]
    answer = client.get(
        part, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
    )
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].endswith(f"?next={page}")


def test_cancel_and_retry(client, alice, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 1), into=make.subject_set(alice))
    _, cancel, retry = actions(found)

    assert client.post(cancel).status_code == 302
    found.refresh_from_db()
    assert found.status == WorkStatus.CANCELLED
    again = client.post(cancel)
    assert again.status_code == 422
    assert "ended already" in again.content.decode()

    IngestBatch.objects.update(status=WorkStatus.FAILED, error="No.")
    assert "Retry" in client.get(addresses(found)[2]).content.decode()
    client.post(retry)
    tasks.run_ingest_batches()
    assert Subject.objects.count() == 1


def test_a_get_changes_nothing(client, alice, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 1), into=make.subject_set(alice))
    assert {client.get(url).status_code for url in actions(found)} == {405}


def test_bad_rows_are_paged_and_downloaded_as_text(client, alice, tmp_path):
    found = make.batch(make.picture_folder(tmp_path, 1), into=make.subject_set(alice))
    IngestProblem.objects.bulk_create(
        IngestProblem(batch=found, row_number=n, name="=HYPERLINK(1)", reason="<b>no</b>")
        for n in range(1, 121)
    )
    page, _, download = addresses(found)[2:]

    shown = client.get(page, {"page": 3}).content.decode()
    assert "&lt;b&gt;no" in shown
    assert "Page 3 of 3" in shown
    lines = b"".join(client.get(download).streaming_content).decode().splitlines()
    assert len(lines) == 121
    assert lines[1] == "1,'=HYPERLINK(1),<b>no</b>"


def test_the_list_shows_own_sets_with_their_galaxies(client, alice):
    mine, other = make.subject_set(alice), make.subject_set()
    make.subjects(3, mine)
    shown = client.get(reverse("subjects:sets")).content.decode()
    assert mine.name in shown
    assert f">{other.name}<" not in shown


def test_the_site_does_not_load_what_only_workers_need():
    code = (
        "import sys, django; django.setup(); import webapp.urls\n"
        "heavy = {'astropy', 'astropy_healpix', 'skimage', 'PIL'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment())
