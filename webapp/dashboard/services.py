"""What an owner does that takes more than one app."""

from webapp.accounts.models import User
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
