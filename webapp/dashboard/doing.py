"""What the campaigns are doing now, for the operators' page."""

from dataclasses import dataclass

from webapp.classifications import recounting
from webapp.classifications.models import Recount
from webapp.classifications.outlook import outlook
from webapp.consensus.models import Progress
from webapp.dashboard import rates
from webapp.predictions import queries as predictions
from webapp.predictions.queries import Pace
from webapp.workflows.models import Status, Workflow

SHOWN = 20  # campaigns; an operator of more has Grafana


@dataclass(frozen=True)
class Doing:
    """A campaign that is under way."""

    workflow: Workflow
    progress: Progress | None
    outlook: str
    n_last_minute: int
    pace: Pace | None
    recount: Recount | None  # the newest that came to its end


def campaigns() -> list[Doing]:
    """Return the campaigns that are live or paused, the newest first."""
    under_way = Workflow.objects.with_tree().filter(status__in=(Status.LIVE, Status.PAUSED))
    workflows = list(
        under_way.select_related("tree", "progress", "insight").order_by("-pk")[:SHOWN]
    )
    recounts = recounting.last_recounts(workflows)
    now = rates.last_minute()
    return [
        Doing(
            workflow,
            progress := getattr(workflow, "progress", None),
            outlook(workflow, progress, getattr(workflow, "insight", None)),
            now.get(workflow.pk, 0),
            predictions.pace(workflow),
            recounts.get(workflow.pk),
        )
        for workflow in workflows
    ]
