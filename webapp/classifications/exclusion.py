"""Volunteers whose answers an owner should look at: raised, excluded, and taken back."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from webapp.accounts import services as accounts
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


@transaction.atomic
def raise_suspicion(*, workflow_id: int, volunteer_id: int, words: str) -> bool:
    """Put a volunteer on the owner's list; what an owner has decided stays.

    Returns:
        False if they were on it.
    """
    Volunteer.objects.select_for_update(no_key=True).get(pk=volunteer_id)  # as who decides does
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
    """Store the decision for all rows of this person; workers let their standings follow.

    A vote of theirs that is under way is waited for: whatever comes later sees the decision.
    """
    rows = accounts.lock_person(volunteer)
    made = [_put(workflow, row, status, by, reason) for row in rows]
    wake("exclusion")
    return made


def _put(
    workflow: Workflow, volunteer: Volunteer, status: str, by: User | None, reason: str
) -> Suspicion:
    found, _ = Suspicion.objects.select_for_update().get_or_create(
        workflow=workflow, volunteer=volunteer, defaults={"words": "Excluded by hand."}
    )
    if found.status != status:
        audit.write_entry(
            actor=by, action=f"{status}_volunteer", target="workflow", target_id=workflow.pk,
            old={"volunteer": volunteer.pk, "status": found.status},
            new={"volunteer": volunteer.pk, "status": status}, reason=reason,
        )  # fmt: skip
    found.status, found.reason = status, reason[:200]
    found.decided_by, found.decided_at, found.is_applied = by, timezone.now(), False
    found.save()
    return found


def follow_claim(own: Sequence[Volunteer]) -> None:
    """Let the last decision on a person hold for all their rows, the one just claimed too.

    Call it while the rows are locked, before any tally is.
    """
    rows = Suspicion.objects.filter(volunteer__in=own).exclude(status=Status.OPEN)
    decided = list(rows.select_related("workflow").order_by("decided_at"))
    known = {(row.workflow_id, row.volunteer_id): row.status for row in decided}
    for last in {row.workflow_id: row for row in decided}.values():
        for volunteer in own:
            if known.get((last.workflow_id, volunteer.pk)) != last.status:
                Suspicion.objects.get_or_create(
                    workflow=last.workflow, volunteer=volunteer, defaults={"words": last.words}
                )
                _put(last.workflow, volunteer, last.status, last.decided_by, last.reason)
                wake("exclusion")


def apply_decisions() -> int:
    """Let the standings of every volunteer that was decided on follow, some galaxies at a time.

    Safe to be killed: the decision says that it waits until all have followed.

    Returns:
        How many galaxies were counted anew.
    """
    n_galaxies = 0
    waiting = Suspicion.objects.filter(is_applied=False).select_related("workflow__tree")
    for row in waiting.order_by("decided_at", "pk"):
        while chunk := _apply_chunk(row):
            n_galaxies += chunk
        # Of this decision only: somebody may have decided again.
        same = Suspicion.objects.filter(pk=row.pk, decided_at=row.decided_at)
        same.update(is_applied=True)
    return n_galaxies


@transaction.atomic
def _apply_chunk(row: Suspicion) -> int:
    waits = Suspicion.objects.filter(pk=row.pk, decided_at=row.decided_at, is_applied=False)
    if not waits.select_for_update(no_key=True).first():
        return 0  # somebody has decided again, or another worker was quicker
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
