"""What takes more than one app: the launch of a campaign, the end of an account."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import transaction
from django.db.models import Q

from webapp.accounts import erasure
from webapp.accounts.identity import Identity
from webapp.accounts.models import User, Volunteer
from webapp.classifications.models import Handout, Passed
from webapp.dashboard.checklist import checklist
from webapp.dashboard.queries import n_test_votes
from webapp.workflows import services as workflows
from webapp.workflows.models import Workflow


def launch_campaign(*, workflow: Workflow, keeps_test_votes: bool, by: User) -> Workflow:
    """Compute the checklist, and launch if every line passes.

    Raises:
        NotReady: a line fails; the sentence is that line.
        WrongStatus: the campaign is no draft.
    """
    return workflows.launch_workflow(
        workflow=workflow,
        lines=checklist(workflow, keeps_test_votes=keeps_test_votes),
        by=by,
        n_test_votes_kept=n_test_votes(workflow) if keeps_test_votes else 0,
    )


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Delete an account, and forget which galaxies it was shown and skipped; see `erasure`.

    That a picture was reported stays, for the owners, and is nobody's report.

    Raises:
        LastAdministrator: nobody would be left who may change roles.
    """
    holder = Identity(user=user, browser=uuid.uuid4()).holder
    own = Volunteer.objects.filter(user=user).values("uuid")
    theirs = Q(holder=holder) | Q(holder__in=own)
    Handout.objects.filter(theirs).delete()
    Passed.objects.filter(theirs, is_report=False).delete()
    Passed.objects.filter(theirs).update(holder=RandomUUID())
    erasure.erase_account(user=user)
