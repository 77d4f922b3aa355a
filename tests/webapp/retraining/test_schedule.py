"""Runs that begin by themselves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webapp.retraining import tasks
from webapp.retraining.models import Plan, Reason, TrainingRun
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db


def begun() -> list[str]:
    tasks.start_due_runs()
    return list(TrainingRun.objects.order_by("pk").values_list("reason", flat=True))


def ended(status: str, *, days_ago: float, up_to: int = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    TrainingRun.objects.update(
        status=status, created_at=at, finished_at=at, last_classification_id=up_to
    )


def test_nothing_begins_by_itself_unless_the_plan_says_so(campaign):
    assert begun() == []


def test_a_weekly_run_begins_once_a_week(campaign):
    Plan.objects.update(is_weekly=True)
    assert begun() == [Reason.WEEKLY]
    assert begun() == [Reason.WEEKLY]  # it is open
    ended("done", days_ago=6.9)
    assert begun() == [Reason.WEEKLY]
    ended("done", days_ago=7.1)
    assert begun() == [Reason.WEEKLY] * 2
    assert TrainingRun.objects.latest("pk").requested_by is None


def test_a_run_begins_after_so_many_new_classifications(campaign):
    Plan.objects.update(after_new=121)
    assert begun() == []
    Plan.objects.update(after_new=120)
    assert begun() == [Reason.VOTES]
    ended("done", days_ago=0, up_to=10**9)
    assert begun() == [Reason.VOTES]


def test_too_few_new_classifications_wait_without_noise(campaign):
    Plan.objects.update(is_weekly=True, least_new=1000)
    assert begun() == []


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_failed_is_not_tried_again_for_a_day(campaign, status):
    Plan.objects.update(after_new=100)
    assert begun() == [Reason.VOTES]
    ended(status, days_ago=0.9)
    assert begun() == [Reason.VOTES]
    ended(status, days_ago=1.1)
    assert begun() == [Reason.VOTES] * 2


def test_a_draft_is_left_alone(campaign):
    Plan.objects.update(is_weekly=True)
    Workflow.objects.update(status=Status.DRAFT, launched_at=None)
    assert begun() == []
