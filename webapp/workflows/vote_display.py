"""Who sees the votes of a galaxy before it retires."""

from django.db import transaction

from webapp.accounts.models import User
from webapp.common import audit
from webapp.workflows.models import Workflow


@transaction.atomic
def change_vote_display(*, workflow: Workflow, hides_votes: bool, by: User) -> Workflow:
    """Let volunteers see the votes of an open galaxy at any time, or only after their own."""
    locked = Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
    if locked.hides_votes != hides_votes:
        audit.write_entry(
            actor=by, action="change_vote_display", target="workflow", target_id=locked.pk,
            old=locked.hides_votes, new=hides_votes,
        )  # fmt: skip
        locked.hides_votes = hides_votes
        locked.save(update_fields=["hides_votes"])
    return locked
