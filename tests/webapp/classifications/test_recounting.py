"""The nightly recount: a row of long work that says what differs."""

import pytest
from django.conf import settings

from tests import make
from webapp.classifications import recounting, tasks
from webapp.classifications.models import Recount
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.consensus import services as consensus
from webapp.consensus.models import Consensus

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    workflow = make.workflow(n_subjects=5)
    for galaxy in workflow.subject_sets.get().subjects.all():
        make.classification(make.visitor(), workflow, galaxy)
    return workflow


def counted_again():
    tasks.start_recounts()
    tasks.run_recounts()
    return Recount.objects.get()


def test_beat_starts_it_every_day():
    schedule = settings.CELERY_BEAT_SCHEDULE["recount"]
    assert schedule["task"] == "webapp.classifications.tasks.start_recounts"
    assert schedule["schedule"] == 24 * 3600


def test_counters_that_are_right_raise_nothing(campaign, caplog):
    found = counted_again()
    assert (found.status, found.n_done, found.n_differences) == (WorkStatus.DONE, 5, 0)
    assert "Recount of" not in caplog.text


def test_a_wrong_counter_is_noted_with_its_numbers(campaign, caplog):
    wrong = Consensus.objects.order_by("subject_id")[3]
    Consensus.objects.filter(pk=wrong.pk).update(n_classifications=7)
    found = counted_again()
    line = f"galaxy {wrong.subject_id}: classifications stored 7, recomputed 1"
    assert (found.n_differences, found.words) == (1, [line])
    assert f"Recount of {campaign.slug}: {line}" in caplog.text


def test_the_newest_is_kept_and_says_that_all_is_well_again(campaign):
    Consensus.objects.update(n_classifications=7)
    first = counted_again()
    assert first.n_differences == 5
    Consensus.objects.update(n_classifications=1)
    again = counted_again()
    assert (again.pk > first.pk, again.n_differences) == (True, 0)
    assert recounting.last_recounts([campaign]) == {campaign.pk: again}


def test_many_differences_are_counted_and_the_first_are_shown(campaign, monkeypatch):
    monkeypatch.setattr(recounting, "SHOWN", 2)
    Consensus.objects.update(n_classifications=7)
    found = counted_again()
    assert (found.n_differences, len(found.words)) == (5, 2)


def test_asking_twice_makes_one(campaign):
    first = recounting.start_recount(workflow=campaign)
    assert recounting.start_recount(workflow=campaign) == first
    work.claim_next(Recount)
    assert recounting.start_recount(workflow=campaign) == first


def test_one_whose_time_is_spent_goes_on_where_it_was(campaign, monkeypatch):
    monkeypatch.setattr(consensus, "CHUNK", 2)
    Consensus.objects.update(n_classifications=7)
    recounting.start_recount(workflow=campaign)
    for n_done in (2, 4):
        row = work.claim_next(Recount)
        work.run(row, recounting.run_recount, deadline_s=0)
        row.refresh_from_db()
        assert (row.status, row.n_done, row.n_differences) == (WorkStatus.PENDING, n_done, n_done)
    tasks.run_recounts()
    row.refresh_from_db()
    assert (row.status, row.n_done, row.n_differences) == (WorkStatus.DONE, 5, 5)
