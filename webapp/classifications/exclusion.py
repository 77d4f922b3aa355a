"""Volunteers whose answers an owner should look at: raised, excluded, and taken back."""

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User, Volunteer
from webapp.classifications import recount
from webapp.classifications.models import Standing, Suspicion
from webapp.common import audit
from webapp.common.wake import wake
from webapp.consensus.models import Consensus
from webapp.consensus.services import CHUNK
from webapp.workflows.models import Workflow

State = Standing.State
Status = Suspicion.Status


def raise_suspicion(*, workflow_id: int, volunteer_id: int, words: str) -> bool:
    """Put a volunteer on the owner's list; what an owner has decided stays.

    Returns:
        False if they were on it.
    """
    made, is_new = Suspicion.objects.get_or_create(
        workflow_id=workflow_id, volunteer_id=volunteer_id, defaults={"words": words}
    )
    if not is_new and made.status == Status.OPEN and made.words != words:
        Suspicion.objects.filter(pk=made.pk, status=Status.OPEN).update(words=words)
    return is_new


def exclude_volunteer(
    *, workflow: Workflow, volunteer: Volunteer, by: User, reason: str
) -> list[Suspicion]:
    """Let a person's answers count no more, until somebody decides otherwise; they are kept."""
    return _decide(workflow, volunteer, Status.EXCLUDED, by, reason)


def keep_volunteer(
    *, workflow: Workflow, volunteer: Volunteer, by: User, reason: str
) -> list[Suspicion]:
    """Let a person's answers count, those that were excluded too."""
    return _decide(workflow, volunteer, Status.DISMISSED, by, reason)


@transaction.atomic
def _decide(
    workflow: Workflow, volunteer: Volunteer, status: Suspicion.Status, by: User, reason: str
) -> list[Suspicion]:
    """Store the decision for all rows of this person; workers let their standings follow."""
    made = []
    for row in _rows_of(volunteer):
        found, _ = Suspicion.objects.select_for_update().get_or_create(
            workflow=workflow, volunteer=row, defaults={"words": "Excluded by hand."}
        )
        if found.status != status:
            audit.write_entry(
                actor=by, action=f"{status}_volunteer", target="workflow", target_id=workflow.pk,
                old={"volunteer": row.pk, "status": found.status},
                new={"volunteer": row.pk, "status": status}, reason=reason,
            )  # fmt: skip
        found.status, found.reason = status, reason[:200]
        found.decided_by, found.decided_at, found.is_applied = by, timezone.now(), False
        found.save()
        made.append(found)
    wake("exclusion")
    return made


def _rows_of(volunteer: Volunteer) -> list[Volunteer]:
    if volunteer.user_id is None:
        return [volunteer]
    return list(Volunteer.objects.filter(user=volunteer.user_id).order_by("pk"))


def apply_decisions() -> int:
    """Let the standings of every volunteer that was decided on follow, some galaxies at a time.

    Safe to be killed: the decision says that it waits until all have followed.

    Returns:
        How many galaxies were counted anew.
    """
    n_galaxies = 0
    for row in Suspicion.objects.filter(is_applied=False).select_related("workflow__tree"):
        while chunk := _apply_chunk(row):
            n_galaxies += chunk
        # Of this decision only: somebody may have decided again.
        same = Suspicion.objects.filter(pk=row.pk, decided_at=row.decided_at)
        same.update(is_applied=True)
    return n_galaxies


@transaction.atomic
def _apply_chunk(row: Suspicion) -> int:
    is_excluded = row.status == Status.EXCLUDED
    was, becomes = (
        (State.COUNTED, State.EXCLUDED) if is_excluded else (State.EXCLUDED, State.COUNTED)
    )
    standings = Standing.objects.filter(
        workflow=row.workflow, volunteer=row.volunteer_id, state=was
    )
    subject_ids = list(
        standings.order_by("subject_id").values_list("subject_id", flat=True)[:CHUNK]
    )
    tallies = Consensus.objects.filter(workflow=row.workflow, subject_id__in=subject_ids)
    locked = list(tallies.select_for_update(no_key=True).order_by("subject_id"))
    standings.filter(subject_id__in=subject_ids).update(
        state=becomes, reason=row.reason if is_excluded else "", changed_at=timezone.now()
    )
    recount.repair_locked(row.workflow, locked, why=_why(is_excluded=is_excluded))
    return len(locked)


def _why(*, is_excluded: bool) -> str:
    return "a volunteer was excluded" if is_excluded else "a volunteer counts again"
