"""When a campaign ends: from counted votes of full days alone, as a range, or with the reason."""

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from django.utils.formats import date_format

from tests import make
from webapp.classifications.insight import measure_insight
from webapp.classifications.models import Classification, Insight, Standing
from webapp.classifications.outlook import full_days, outlook
from webapp.consensus.measuring import measure_progress
from webapp.consensus.models import Progress
from webapp.consensus.services import mark_gold
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db
COUNTED = Standing.State.COUNTED


@pytest.fixture
def campaign():
    """Launched 20 days ago, 100,000 classifications are wanted."""
    workflow = make.workflow(n_subjects=2, rule={"format": 1, "votes": 10_000, "artifact": None})
    launched = timezone.now() - timedelta(days=20)
    Workflow.objects.filter(pk=workflow.pk).update(launched_at=launched)
    Progress.objects.create(workflow=workflow, n_subjects=10, n_needed=100_000)
    return workflow


def give(workflow, days_ago, n_votes, *, state=COUNTED, subject=None):
    """Store answers of that day, each by somebody else."""
    subject = subject or workflow.subject_sets.get().subjects.first()
    then = timezone.now() - timedelta(days=days_ago)
    people = [make.volunteer_row() for _ in range(n_votes)]
    rows = Classification.objects.bulk_create(
        Classification(
            uuid=uuid.uuid4(), workflow=workflow, subject=subject, volunteer=person,
            tree=workflow.tree, path=[0], stream="random", shown_at=then, received_at=then,
        )
        for person in people
    )  # fmt: skip
    Standing.objects.bulk_create(
        Standing(
            workflow=workflow, subject=subject, volunteer=row.volunteer, classification=row,
            state=state,
        )
        for row in rows
    )  # fmt: skip


def said(workflow):
    measure_insight(workflow, is_rationed=False)
    workflow = Workflow.objects.with_tree().get(pk=workflow.pk)
    return outlook(workflow, Progress.objects.get(), Insight.objects.get())


def test_a_constant_rate_gives_a_range_around_the_truth(campaign):
    for days_ago, n_votes in enumerate(np.random.default_rng(1).poisson(20, 14).tolist(), 1):
        give(campaign, days_ago, n_votes)
    give(campaign, 0, 50)  # today is no full day, and yesterday's week is too long ago
    give(campaign, 16, 50)
    Progress.objects.update(n_counted=100_000 - 2000)  # 100 days at this rate
    words = said(campaign)
    assert words.startswith("Between ")
    assert "the last 14" in words
    days = [timezone.now() + timedelta(days=number) for number in range(80, 125)]
    named = [
        number for number, day in enumerate(days, 80) if date_format(day, "DATE_FORMAT") in words
    ]
    low, high = named
    assert low < 100 < high
    assert high - low < 30


def test_only_what_counts_toward_retirement_is_counted(campaign):
    gold, other = campaign.subject_sets.get().subjects.order_by("pk")
    mark_gold(workflow=campaign, subject_ids=[gold.pk], is_gold=True)
    give(campaign, 3, 5, subject=gold)
    give(campaign, 3, 4, subject=other, state=Standing.State.EXCLUDED)
    give(campaign, 3, 3, subject=other, state=Standing.State.LATE)
    give(campaign, 3, 2, subject=other)
    measure_insight(campaign, is_rationed=False)
    campaign.refresh_from_db()
    assert full_days(campaign, Insight.objects.get()) == [0] * 11 + [2, 0, 0]


@pytest.mark.parametrize(("days_ago", "words"), [(1, "0 have passed"), (2, "1 has passed")])
def test_under_two_full_days_since_the_launch_nothing_is_foretold(campaign, days_ago, words):
    launched = timezone.now() - timedelta(days=days_ago)
    Workflow.objects.update(launched_at=launched)
    give(campaign, 0, 3)
    assert words in said(campaign)


def test_without_a_vote_in_all_days_nothing_is_foretold(campaign):
    give(campaign, 0, 3)
    assert "no classification of the last 14 full days counts" in said(campaign)


def test_a_rule_that_stops_when_sure_has_no_foretold_end(campaign):
    rule = {
        "format": 2, "votes": 40, "artifact": None,
        "certainty": {"probability": 0.9, "votes": 5},
    }  # fmt: skip
    Workflow.objects.update(rule=rule)
    give(campaign, 1, 3)
    assert "as soon as they are sure" in said(campaign)


def test_a_paused_campaign_has_no_date(campaign):
    Workflow.objects.update(status=Status.PAUSED)
    assert "while it is paused" in said(campaign)


def test_a_finished_campaign_has_nothing_to_foretell(campaign):
    Workflow.objects.update(status=Status.FINISHED, finished_at=timezone.now())
    assert said(campaign) == ""


def test_a_campaign_that_has_all_it_needs_says_so(campaign):
    Progress.objects.update(n_counted=100_000)
    assert said(campaign) == "Nothing is left to classify."


def test_half_of_the_needed_votes_on_all_galaxies_is_half(client):
    workflow = make.workflow(n_subjects=3, rule={"format": 1, "votes": 4, "artifact": None})
    for galaxy in workflow.subject_sets.get().subjects.all():
        for _ in range(2):
            make.classification(make.visitor(), workflow, galaxy)
    measure_progress(workflow, is_rationed=False)
    html = client.get(f"/c/{workflow.slug}/").content.decode()
    assert "6 of 12, 50 %" in html
    assert "0 of 3, 0 %" in html


def test_all_but_one_is_not_a_hundred_percent(client):
    workflow = make.workflow()
    Progress.objects.create(
        workflow=workflow, n_subjects=1000, n_retired=999, n_counted=3999, n_needed=4000
    )
    html = client.get(f"/c/{workflow.slug}/").content.decode()
    assert "999 of 1,000, 99 %" in html
    assert "3,999 of 4,000, 99 %" in html
