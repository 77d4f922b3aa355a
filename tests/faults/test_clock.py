"""F23: the clock of the site jumps two hours ahead or back.

Nobody can move PostgreSQL's own clock here, so everything that is stored is moved the other way:
that is the same to whoever compares the two. What a process remembers is by time.monotonic().
"""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from tests import make
from webapp.accounts.models import Role
from webapp.backups.models import Drill
from webapp.classifications import replacing, services, tasks
from webapp.classifications.models import Classification
from webapp.common import work
from webapp.common.models import Process, WorkStatus
from webapp.consensus.measuring import measure_progress
from webapp.consensus.models import Progress
from webapp.dashboard import rates
from webapp.exports import snapshot
from webapp.exports.exchange import KINDS
from webapp.exports.models import Table
from webapp.subjects.models import IngestBatch

pytestmark = pytest.mark.django_db
MINE = "classifications:my_data"
INSTANTS = """
    SELECT table_name, array_agg(column_name::text)
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    AND data_type = 'timestamp with time zone' AND is_generated = 'NEVER' GROUP BY table_name
"""


def jump(hours: int) -> None:
    """Let the clock go ahead by so many hours, or back."""
    with connection.cursor() as cursor:
        cursor.execute(INSTANTS)
        tables = cursor.fetchall()
        assert len(tables) > 30
        cursor.execute("SET session_replication_role = replica")  # no trigger forbids it
        for table, columns in tables:
            moved = ", ".join(f'"{name}" = "{name}" - interval \'{hours} h\'' for name in columns)
            cursor.execute(f'UPDATE "{table}" SET {moved}')
        cursor.execute("RESET session_replication_role")


def claimed() -> IngestBatch:
    row: IngestBatch | None = work.claim(make.batch(Path("nowhere")))
    assert row is not None
    return row


def vote(who, workflow, number: int) -> services.Recorded:
    galaxy = workflow.subject_sets.get().subjects.order_by("pk")[number]
    return make.classification(who, workflow, galaxy)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_lease_from_before_the_jump_is_taken_over_once_and_its_holder_stores_nothing(hours):
    old = claimed()
    jump(hours)
    new = work.claim_next(IngestBatch)
    assert new is not None
    assert (new.pk, new.token) == (old.pk, old.token + 1)
    assert work.claim_next(IngestBatch) is None
    with pytest.raises(work.LeaseLost), transaction.atomic():
        work.hold(old)
    with transaction.atomic():
        work.hold(new)
        work.finish(new)
    new.refresh_from_db()
    assert new.status == WorkStatus.DONE


def test_a_holder_that_says_it_lives_after_the_jump_keeps_its_lease():
    row = claimed()
    jump(-2)
    with transaction.atomic():
        work.hold(row)
    assert work.claim_next(IngestBatch) is None


@pytest.mark.parametrize("hours", [-2, 2])
def test_somebody_who_has_answered_much_goes_on_in_the_order_of_the_server(client, settings, hours):
    settings.ANSWERS_PER_MINUTE = 3
    workflow, who = make.workflow(n_subjects=8), make.visitor()
    before = [vote(who, workflow, number).classification_id for number in range(3)]
    with pytest.raises(services.TooFast):
        vote(who, workflow, 3)
    jump(hours)
    after = [vote(who, workflow, number).classification_id for number in range(3, 6)]
    with pytest.raises(services.TooFast):
        vote(who, workflow, 6)
    rows = list(Classification.objects.order_by("pk").values_list("pk", "received_at"))
    assert [pk for pk, _ in rows] == before + after
    is_back = rows[3][1] < rows[2][1]
    assert is_back == (hours < 0)
    assert rates.last_minute() == {workflow.pk: 3}
    tasks.start_recounts()
    tasks.run_recounts()
    assert workflow.recounts.get().n_differences == 0


def test_nothing_that_is_shown_or_exported_took_less_than_no_time(client):
    """A galaxy is shown, the clock is put back, and then it is answered."""
    vera = make.user("vera", Role.ADMIN)
    workflow, who = make.workflow(n_subjects=3), make.visitor(vera)
    first = vote(who, workflow, 0)
    make.batch(Path("nowhere"))
    now = timezone.now()
    Process.objects.create(name="celery@here", kind="worker", started_at=now, seen_at=now)
    Drill.objects.create(backup="", made_at=now, is_good=True, words="", seconds=1)
    tasks.start_recounts()
    tasks.run_recounts()
    galaxy = workflow.subject_sets.get().subjects.order_by("pk")[1]
    shown = make.shown_subject(who, workflow, galaxy)
    jump(-2)
    # The page was signed before, and says a time that is to come.
    shown = replace(shown, shown_at=shown.shown_at + timedelta(hours=2))
    services.record_classification(identity=who, uuid=uuid4(), shown=shown, path=[0])
    client.force_login(vera)
    text = b"".join(client.get(reverse(MINE)).streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    assert min(float(row["seconds"]) for row in rows) >= 0
    for page in (reverse("classifications:my_statistics"), reverse("dashboard:operations")):
        text = re.sub(r"<[^>]*>", " ", client.get(page).content.decode())
        assert re.findall(r"(?<![\w-])[-\u2212]\d[\d.,]*(?![\w-])", text) == []
    ages = re.findall(r"^site_\w+_seconds(?:{.*})? (\S+)$", figures(client), re.MULTILINE)
    assert len(ages) > 3
    assert min(map(float, ages)) >= 0
    assert "oldest work waits 0 s" in client.get("/readyz").content.decode()
    assert replacing.seconds_left(Classification.objects.get(pk=first.classification_id)) <= 60
    spans = [json.loads(row["metadata"]) for row in exported(workflow)]
    assert len(spans) == 2
    assert all(span["started_at"] <= span["finished_at"] for span in spans)


def figures(client) -> str:
    text: str = client.get("/metrics").content.decode()
    return text


def exported(workflow) -> list[dict[str, str]]:
    kind = KINDS[Table.PANOPTES]
    with snapshot.one_moment() as moment:
        rows = [row for part in kind.rows(moment, workflow) for row in part]
    return [dict(zip(kind.header(workflow), row, strict=True)) for row in rows]


def test_a_process_that_fell_silent_before_the_jump_is_not_taken_for_alive():
    now = timezone.now()
    process = Process.objects.create(name="a", kind="worker", started_at=now, seen_at=now)
    assert process.is_alive
    for hours in (-2, 4):
        jump(hours)
        process.refresh_from_db()
        assert not process.is_alive


@pytest.mark.parametrize("hours", [-2, 2])
def test_figures_that_are_rationed_are_measured_again_after_the_jump(hours):
    workflow = make.workflow(n_subjects=1)
    measure_progress(workflow)
    Progress.objects.update(took_s=1.0)
    before = Progress.objects.get().n_classifications
    vote(make.visitor(), workflow, 0)
    measure_progress(workflow)
    assert Progress.objects.get().n_classifications == before  # a fiftieth of the time at most
    jump(hours)
    measure_progress(workflow)
    assert Progress.objects.get().n_classifications == before + 1
