"""What machines ask: alive, ready, and the figures."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests import make
from webapp.backups.models import Drill
from webapp.classifications import tasks
from webapp.common.models import Process
from webapp.consensus.models import Consensus
from webapp.dashboard import health
from webapp.subjects.models import IngestBatch
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _space(settings):
    settings.LEAST_FREE_MB = 0


def checks(client):
    answer = client.get("/readyz")
    return answer.status_code, {
        name: check["ok"] for name, check in answer.json()["checks"].items()
    }


def test_a_site_that_can_serve_is_ready(client):
    assert checks(client) == (
        200, {"database": True, "migrations": True, "queues": True, "disk": True},
    )  # fmt: skip


def test_a_database_that_is_away_makes_the_site_alive_and_not_ready(client, monkeypatch):
    def away(*_):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    status, found = checks(client)
    assert (status, found["database"]) == (503, False)
    answer = client.get("/livez")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


def test_a_full_disk_is_not_ready(client, settings):
    settings.LEAST_FREE_MB = 10**12
    status, found = checks(client)
    assert (status, found["disk"]) == (503, False)


def test_a_migration_to_run_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(health, "_is_migrated", [])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'explore' OR name LIKE '0004%%'")
    status, found = checks(client)
    assert (status, found["migrations"]) == (503, False)


@pytest.mark.parametrize(("minutes", "is_ready"), [(9, True), (11, False)])
def test_work_that_nobody_takes_is_not_ready(client, tmp_path, minutes, is_ready):
    batch = make.batch(make.picture_folder(tmp_path, 1))
    asked_at = timezone.now() - timedelta(minutes=minutes)
    IngestBatch.objects.filter(pk=batch.pk).update(created_at=asked_at)
    status, found = checks(client)
    assert (status, found["queues"]) == (200 if is_ready else 503, is_ready)


def test_work_that_was_put_back_is_no_alarm(client, tmp_path):
    batch = make.batch(make.picture_folder(tmp_path, 1))
    long_ago = timezone.now() - timedelta(hours=3)
    IngestBatch.objects.filter(pk=batch.pk).update(created_at=long_ago, started_at=long_ago)
    assert checks(client)[0] == 200


def figures(answer):
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_figures_say_what_the_database_says(client, tmp_path):
    workflow = make.workflow(n_subjects=1)
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())
    make.batch(make.picture_folder(tmp_path, 1))
    Process.objects.create(
        name="celery@here", kind="worker", started_at=timezone.now(), seen_at=timezone.now()
    )
    client.get("/about/privacy/")
    found = figures(client.get("/metrics"))
    assert found["site_classifications_last_minute",] == 1
    assert found["site_work", "subjects.ingestbatch", "waiting"] == 1
    assert found["site_processes", "worker"] == 1
    assert found["site_disk_free_bytes",] > 0
    assert found["site_request_seconds_count", "2xx", "accounts:privacy"] >= 1


def test_the_age_of_the_last_good_backup_is_a_figure(client):
    name = ("site_verified_backup_age_seconds",)
    assert figures(client.get("/metrics"))[name] == float("inf")
    for hours, is_good in ((30, True), (2, False)):
        Drill.objects.create(
            backup="2026-01-01T00-00-00Z", made_at=timezone.now() - timedelta(hours=hours),
            is_good=is_good, words="", seconds=1,
        )  # fmt: skip
    assert abs(figures(client.get("/metrics"))[name] - 30 * 3600) < 60


def test_figures_say_what_the_last_recount_found(client):
    workflow = make.workflow(n_subjects=2)
    long_ago = timezone.now() - timedelta(days=3)
    Workflow.objects.update(created_at=long_ago)
    before = figures(client.get("/metrics"))
    assert before["site_recount_age_seconds", workflow.slug] == pytest.approx(3 * 86400, abs=60)

    Consensus.objects.update(n_classifications=7)
    tasks.start_recounts()
    tasks.run_recounts()
    after = figures(client.get("/metrics"))
    assert after["site_recount_differences", workflow.slug] == 2
    assert after["site_recount_age_seconds", workflow.slug] < 60


def test_figures_need_the_token_where_one_is_set(client, settings):
    settings.METRICS_TOKEN = "a long token"
    assert client.get("/metrics").status_code == 401
    wrong = client.get("/metrics", headers={"Authorization": "Bearer another"})
    right = client.get("/metrics", headers={"Authorization": "Bearer a long token"})
    assert (wrong.status_code, right.status_code) == (401, 200)


def test_a_server_without_a_token_shows_its_figures_to_nobody(client, settings):
    settings.LOCAL_MODE = False
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_machines_need_no_host_and_get_nothing_secret(client, settings, path):
    settings.ALLOWED_HOSTS = ["galaxies.example.org"]
    answer = client.get(path, headers={"Host": "10.0.0.7:8000"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert settings.SECRET_KEY not in text
    assert str(settings.DATABASES["default"]["HOST"]) not in text
