"""How far a campaign is: summed from its tallies, at most a fiftieth of the time."""

import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from webapp.consensus.models import PROGRESS_RATION, Progress
from webapp.registry.queries import active_model
from webapp.workflows.models import Workflow

_SUMS = (
    "n_subjects",
    "n_retired",
    "n_classifications",
    "n_counted",
    "n_needed",
    "n_scorable",
    "n_scored",
)
_MEASURE = """
    SELECT count(*) FILTER (WHERE counts), count(retired_at) FILTER (WHERE counts),
           coalesce(sum(n_classifications) FILTER (WHERE counts), 0),
           coalesce(sum(CASE WHEN retired_at IS NULL THEN least(n_classifications, %(needed)s)
                             ELSE n_classifications END) FILTER (WHERE counts), 0),
           coalesce(sum(CASE WHEN retired_at IS NULL THEN %(needed)s
                             ELSE n_classifications END) FILTER (WHERE counts), 0),
           count(*) FILTER (WHERE retired_reason <> 'unseen'),
           count(*) FILTER (WHERE prior_model_id = %(model)s)
    FROM (SELECT *, NOT is_gold AS counts FROM consensus_consensus
          WHERE workflow_id = %(workflow)s AND retired_reason <> 'withdrawn') known
"""


def measure_progress(workflow: Workflow, *, is_rationed: bool = True) -> None:
    """Sum how far a campaign is, unless the last sum was dear and is recent."""
    known = Progress.objects.filter(workflow=workflow).first()
    if is_rationed and known and not _may_measure(known):
        return
    started = time.perf_counter()
    active = active_model(workflow)
    values = {
        "workflow": workflow.pk,
        "needed": workflow.parsed_rule.needed(),
        "model": active.pk if active else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, values)
        found = dict(zip(_SUMS, cursor.fetchone(), strict=True))
    took_s = time.perf_counter() - started
    Progress.objects.update_or_create(
        workflow=workflow, defaults=found | {"measured_at": timezone.now(), "took_s": took_s}
    )


def _may_measure(known: Progress) -> bool:
    apart = abs(timezone.now() - known.measured_at)  # the clock may have been put back
    return apart >= timedelta(seconds=PROGRESS_RATION * known.took_s)
