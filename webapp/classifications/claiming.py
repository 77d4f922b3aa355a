"""Giving a user what was classified in a browser before they signed in."""

import uuid
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone

from webapp.accounts import services as accounts
from webapp.accounts.models import User
from webapp.classifications import exclusion, recount
from webapp.classifications.models import Standing
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

State = Standing.State

# Of several answers of one person to one galaxy the first that counts stands, else the first.
_DOUBLES = """
    SELECT workflow_id, subject_id,
           (array_agg(id ORDER BY state <> 'counted', classification_id))[2:]
    FROM classifications_standing
    WHERE volunteer_id = ANY(%s) AND state NOT IN ('cleared', 'repeat')
    GROUP BY workflow_id, subject_id HAVING count(*) > 1 ORDER BY workflow_id, subject_id
"""


@transaction.atomic
def claim_history(*, user: User, browser: uuid.UUID) -> int:
    """Give a user what was classified in this browser before signing in.

    What they had answered before loses its standing as a repeat.

    Returns:
        How many standings were lost.
    """
    own = accounts.claim_browser(user=user, browser=browser)
    exclusion.follow_claim(own)
    with connection.cursor() as cursor:
        cursor.execute(_DOUBLES, [[volunteer.pk for volunteer in own]])
        doubles = cursor.fetchall()
    for workflow in Workflow.objects.filter(pk__in={row[0] for row in doubles}).order_by("pk"):
        subjects = [row[1] for row in doubles if row[0] == workflow.pk]
        losers = [pk for row in doubles if row[0] == workflow.pk for pk in row[2]]
        _lose_standing(workflow, subjects, losers)
    return sum(len(row[2]) for row in doubles)


def _lose_standing(workflow: Workflow, subject_ids: Sequence[int], standing_ids: list[int]) -> None:
    tallies = Consensus.objects.filter(workflow=workflow, subject_id__in=subject_ids)
    locked = list(tallies.select_for_update(no_key=True).order_by("subject_id"))
    Standing.objects.filter(pk__in=standing_ids).update(
        state=State.REPEAT, reason="answered before signing in too", changed_at=timezone.now()
    )
    recount.repair_locked(workflow, locked)
