"""What the catalog shows: votes of galaxies that are still open, fractions made comparable."""

from django.db import transaction

from webapp.accounts.models import User
from webapp.common import audit
from webapp.workflows.models import Workflow


@transaction.atomic
def change_vote_display(
    *, workflow: Workflow, hides_votes: bool, by: User, is_debiased: bool | None = None
) -> Workflow:
    """Let volunteers see the votes of an open galaxy at any time, or only after their own.

    Args:
        is_debiased: the catalog has fractions corrected for redshift; None: as before.
    """
    locked = Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
    _change(locked, "hides_votes", hides_votes, "change_vote_display", by)
    if is_debiased is not None:
        _change(locked, "is_debiased", is_debiased, "change_debiasing", by)
    return locked


def _change(locked: Workflow, field: str, value: bool, action: str, by: User) -> None:  # noqa: FBT001
    old = getattr(locked, field)
    if old == value:
        return
    audit.write_entry(
        actor=by, action=action, target="workflow", target_id=locked.pk, old=old, new=value
    )
    setattr(locked, field, value)
    locked.save(update_fields=[field])
