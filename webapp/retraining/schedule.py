"""Runs that begin by themselves: every week, or after so many new classifications."""

import logging
from datetime import timedelta

from django.utils import timezone

from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.retraining import queries
from webapp.retraining.models import Plan, Reason, TrainingRun
from webapp.retraining.services import start_run
from webapp.workflows.models import Status

logger = logging.getLogger(__name__)
WEEK = timedelta(days=7)
PAUSE = timedelta(days=1)  # after a run that failed or was stopped


def start_due_runs() -> int:
    """Begin what is due; return how many runs that were."""
    plans = Plan.objects.exclude(workflow__status=Status.DRAFT).select_related("workflow")
    return sum(_start(plan) for plan in plans.order_by("pk"))


def _start(plan: Plan) -> bool:
    reason = due(plan)
    if reason is None:
        return False
    try:
        start_run(workflow=plan.workflow, by=None, reason=reason)
    except DomainError as refusal:
        logger.info("%s is due and waits: %s", plan.workflow.slug, refusal)
        return False
    return True


def due(plan: Plan) -> Reason | None:
    """Return why a run should begin now, or None."""
    workflow = plan.workflow
    runs = TrainingRun.objects.filter(workflow=workflow).order_by("-pk")
    last, now = runs.first(), timezone.now()
    if last and (last.is_open or _rests(last)):
        return None
    if plan.is_weekly and (last is None or last.created_at < now - WEEK):
        return Reason.WEEKLY
    if plan.after_new and queries.n_new(workflow, at_most=plan.after_new) >= plan.after_new:
        return Reason.VOTES
    return None


def _rests(last: TrainingRun) -> bool:
    ended = last.finished_at or last.created_at
    return last.status != WorkStatus.DONE and ended > timezone.now() - PAUSE
