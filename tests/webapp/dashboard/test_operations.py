"""The administrator's page."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests import make
from webapp.accounts.models import Role
from webapp.backups.models import Drill
from webapp.classifications import tasks
from webapp.classifications.models import Recount
from webapp.common.models import AuditEntry, Process, WorkStatus
from webapp.consensus.measuring import measure_progress
from webapp.consensus.models import Consensus
from webapp.dashboard import storage
from webapp.subjects.models import IngestBatch

pytestmark = pytest.mark.django_db
PAGE = "/manage/operations/"


@pytest.fixture
def admin(client):
    vera = make.user("vera", Role.ADMIN)
    client.force_login(vera)
    return vera


@pytest.fixture
def failed(tmp_path):
    batch = make.batch(make.picture_folder(tmp_path, 1))
    IngestBatch.objects.filter(pk=batch.pk).update(
        status="failed",
        error="The disk is full.",
        traceback="OSError: 28",
        finished_at=timezone.now(),
    )
    return batch


def test_only_an_administrator_sees_it(client):
    assert client.get(PAGE).status_code == 302
    client.force_login(make.user("alice", Role.SCIENTIST))
    assert client.get(PAGE).status_code == 403


def test_it_says_who_lives_and_who_is_silent(client, admin):
    assert "No worker and no beat has spoken" in client.get(PAGE).content.decode()
    now = timezone.now()
    for name, seen_at in (("celery@here", now), ("celery@gone", now - timedelta(hours=1))):
        Process.objects.create(
            name=name, kind="worker", doing="run_ingest_batches", started_at=now, seen_at=seen_at
        )
    html = client.get(PAGE).content.decode()
    assert "alive" in html
    assert "silent since" in html
    assert "run_ingest_batches" in html


def test_failed_work_is_shown_with_its_reason_and_tried_again(client, admin, failed):
    html = client.get(PAGE).content.decode()
    assert "The disk is full." in html
    assert "OSError: 28" in html
    answer = client.post(reverse("dashboard:retry", args=["subjects.ingestbatch", failed.pk]))
    assert answer.status_code == 302
    failed.refresh_from_db()
    assert (failed.status, failed.attempts) == (WorkStatus.PENDING, 0)
    entry = AuditEntry.objects.get(action="retry", target="subjects.ingestbatch")
    assert entry.actor_id == admin.pk


def test_what_has_not_failed_is_left_alone(client, admin, failed):
    IngestBatch.objects.update(status="done")
    client.post(reverse("dashboard:retry", args=["subjects.ingestbatch", failed.pk]))
    failed.refresh_from_db()
    assert failed.status == WorkStatus.DONE
    assert not AuditEntry.objects.filter(action="retry", target="subjects.ingestbatch").exists()


def test_it_says_how_old_the_last_backup_is_that_was_tried(client, admin):
    assert "No backup has been tried yet" in client.get(PAGE).content.decode()
    made_at = timezone.now() - timedelta(hours=5, minutes=1)
    given = {"backup": "2026-01-01T00-00-00Z", "seconds": 1}
    Drill.objects.create(made_at=made_at, is_good=True, words="12 rows compared.", **given)
    html = client.get(PAGE).content.decode()
    assert "found good, is 5\xa0hours, 1\xa0minute old" in html
    assert "12 rows compared." in html
    assert "The last try" not in html
    Drill.objects.create(made_at=timezone.now(), is_good=False, words="It is cut off.", **given)
    html = client.get(PAGE).content.decode()
    assert "It is cut off." in html
    assert "found good, is 5\xa0hours" in html


def test_a_server_without_a_good_backup_needs_somebody(client, admin, settings):
    words = "No backup was tried and found good yet"
    assert words not in client.get(PAGE).content.decode()
    settings.BACKUP_DIR = "/mnt/backups"
    assert words in client.get(PAGE).content.decode()
    given = {"backup": "2026-01-01T00-00-00Z", "seconds": 1, "words": "It is cut off."}
    Drill.objects.create(made_at=timezone.now() - timedelta(hours=37), is_good=True, **given)
    assert "is older than 36 hours" in client.get(PAGE).content.decode()
    Drill.objects.create(made_at=timezone.now(), is_good=False, **given)
    assert "The last backup failed: It is cut off." in client.get(PAGE).content.decode()
    Drill.objects.create(made_at=timezone.now(), is_good=True, **given)
    html = client.get(PAGE).content.decode()
    assert "backup failed" not in html
    assert "36 hours" not in html


def test_a_kind_that_is_none_is_not_found(client, admin):
    assert client.post("/manage/operations/accounts.user/1/retry/").status_code == 404


def test_the_part_opened_by_hand_leads_to_the_page(client, admin):
    assert client.get(f"{PAGE}now/").headers["Location"] == PAGE
    part = client.get(f"{PAGE}now/", headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith("<div")


def speak(*kinds, **fields):
    now = timezone.now()
    for kind in kinds:
        told = {"name": f"{kind}@here", "started_at": now, "seen_at": now} | fields
        Process.objects.create(kind=kind, **told)


def test_a_site_that_is_well_needs_nobody(client, admin, settings):
    settings.LEAST_FREE_MB = 0
    speak("worker", "scorer", "beat")
    assert "It is running, and nothing needs you" in client.get(PAGE).content.decode()


def test_everything_that_needs_somebody_is_named_first(
    client, admin, failed, settings, monkeypatch
):
    settings.LEAST_FREE_MB = 10**12
    monkeypatch.setattr(storage, "oldest_transaction_s", lambda: 700.0)
    speak("worker", "beat")
    speak("worker", name="worker@gone", seen_at=timezone.now() - timedelta(minutes=2))
    html = client.get(PAGE).content.decode()
    head = html[: html.index('id="campaigns"')]
    for words in (
        "Something needs you",
        "No scorer is alive",
        "worker@gone fell silent",
        "1 piece of work has failed",
        "1,000,000,000,000 wanted",
        "A transaction has been open for 11 minutes",
    ):
        assert words in head
    assert "No worker is alive" not in head


def test_a_campaign_shows_progress_pace_and_who_looks_at_its_galaxies(client, admin):
    workflow = make.workflow(n_subjects=2)
    model = make.promoted(workflow)
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.first())
    measure_progress(workflow, is_rationed=False)
    html = client.get(PAGE).content.decode()
    assert "1 of 6, 16 %" in html
    assert "1 classification a minute" in html
    assert str(model) in html
    assert "No end can be foretold before 2 full days; 0 have passed." in html


def test_work_shows_its_age_and_how_far_it_is(client, admin, tmp_path):
    batch = make.batch(make.picture_folder(tmp_path, 1))
    asked_at = timezone.now() - timedelta(seconds=150)
    IngestBatch.objects.filter(pk=batch.pk).update(created_at=asked_at)
    assert ">150<" in client.get(PAGE).content.decode().replace(">151<", ">150<")
    IngestBatch.objects.filter(pk=batch.pk).update(
        status="running", started_at=asked_at, n_done=50, n_total=200
    )
    html = client.get(PAGE).content.decode()
    assert "50 / 200, 25 %" in html
    assert "about 8 minutes left" in html


def test_counters_that_differ_are_shown_and_counted_again(client, admin):
    workflow = make.workflow(n_subjects=1)
    Consensus.objects.update(n_classifications=7)
    tasks.start_recounts()
    tasks.run_recounts()
    html = client.get(PAGE).content.decode()
    assert "1 stored number of" in html
    assert "classifications stored 7, recomputed 0" in html

    Consensus.objects.update(n_classifications=0)
    answer = client.post(reverse("dashboard:count_again", args=[workflow.slug]))
    assert answer.status_code == 302
    assert Recount.objects.filter(status="pending").get().requested_by == admin
    tasks.run_recounts()
    assert "recomputed" not in client.get(PAGE).content.decode()
