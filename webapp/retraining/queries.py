"""Reading runs: which is open, what is new since the last one, and why another is refused."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import ngettext

from inference.formats.split import TEST, TRAIN, VALIDATION
from webapp.common.models import WorkStatus
from webapp.consensus.models import Consensus
from webapp.retraining.models import Plan, TrainingRun
from webapp.workflows.models import Workflow

OPEN = (WorkStatus.PENDING, WorkStatus.RUNNING)
LEAST_SUBJECTS = 20  # with fewer, a part of the galaxies is likely to be empty
NEEDED_PARTS = (TRAIN, VALIDATION, TEST)


def plan_of(workflow: Workflow) -> Plan:
    """Return a campaign's plan; one that nobody has changed is not stored."""
    return Plan.objects.filter(workflow=workflow).first() or Plan(workflow=workflow)


def runs_of(workflow: Workflow) -> QuerySet[TrainingRun]:
    """Return a campaign's runs, the newest first, without what only a run's own page shows."""
    runs = TrainingRun.objects.filter(workflow=workflow).order_by("-pk")
    return runs.select_related("requested_by", "model", "comparison").defer(
        "metrics", "log_tail", "config", "traceback", "comparison__figures"
    )


def open_run(workflow: Workflow) -> TrainingRun | None:
    """Return the run that waits or goes on."""
    return TrainingRun.objects.filter(workflow=workflow, status__in=OPEN).first()


def last_done(workflow: Workflow) -> TrainingRun | None:
    """Return the newest run that came to a model; what failed has taken nothing up."""
    done = TrainingRun.objects.filter(workflow=workflow, status=WorkStatus.DONE)
    return done.order_by("-last_classification_id").first()


_NEW = """
    SELECT count(*) FROM (
        SELECT 1 FROM classifications_classification classification
        JOIN classifications_standing standing ON standing.classification_id = classification.id
        WHERE classification.id > %s AND classification.workflow_id = %s
          AND standing.state = 'counted'
        LIMIT %s
    ) new
"""


def n_new(workflow: Workflow, *, at_most: int) -> int:
    """Return how many classifications that count no run has seen, counted up to a limit."""
    last = last_done(workflow)
    with connection.cursor() as cursor:
        cursor.execute(
            _NEW, [last.last_classification_id if last else 0, workflow.pk, max(1, at_most)]
        )
        return int(cursor.fetchone()[0])


def refusal(workflow: Workflow, plan: Plan) -> str:
    """Return in a sentence why no run can begin now, or "" if one can."""
    found = n_new(workflow, at_most=plan.least_new)
    if found < plan.least_new:
        since_when = (
            ngettext(
                "%(found)s classification counts since the last run, and %(least)s are asked for: "
                "wait for %(more)s more, or lower the number in the plan.",
                "%(found)s classifications count since the last run, and %(least)s are asked for: "
                "wait for %(more)s more, or lower the number in the plan.",
                found,
            )
            if last_done(workflow)
            else ngettext(
                "%(found)s classification counts so far, and %(least)s are asked for: "
                "wait for %(more)s more, or lower the number in the plan.",
                "%(found)s classifications count so far, and %(least)s are asked for: "
                "wait for %(more)s more, or lower the number in the plan.",
                found,
            )
        )
        numbers = {
            "found": found, "least": plan.least_new, "more": plan.least_new - found,
        }  # fmt: skip
        return since_when % {name: intcomma(number) for name, number in numbers.items()}
    answered = Consensus.objects.filter(workflow=workflow, n_classifications__gt=0)
    n_answered = answered[:LEAST_SUBJECTS].count()
    if n_answered < LEAST_SUBJECTS:
        return ngettext(
            "%(answered)s galaxy has an answer, and a network needs %(least)s to learn from and "
            "to be judged by: wait for more.",
            "%(answered)s galaxies have an answer, and a network needs %(least)s to learn from "
            "and to be judged by: wait for more.",
            n_answered,
        ) % {"answered": intcomma(n_answered), "least": LEAST_SUBJECTS}
    return ""
