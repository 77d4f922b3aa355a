"""What volunteers are shown before and after Done, as a campaign's owners wish."""

from django.db import transaction

from webapp.accounts.models import User
from webapp.common import audit
from webapp.workflows.models import Workflow


@transaction.atomic
def change_answering(
    *, workflow: Workflow, shows_summary: bool, tells_crowd: bool, by: User
) -> Workflow:
    """Show the answers in one line before Done, or not; offer what people have said after it."""
    locked = Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
    new = {"shows_summary": shows_summary, "tells_crowd": tells_crowd}
    old = {field: getattr(locked, field) for field in new}
    if old != new:
        audit.write_entry(
            actor=by, action="change_answering", target="workflow", target_id=locked.pk,
            old=old, new=new,
        )  # fmt: skip
        Workflow.objects.filter(pk=locked.pk).update(**new)
        locked.shows_summary, locked.tells_crowd = shows_summary, tells_crowd
    return locked
