"""Keeping filters under a name."""

from inference.errors import shown
from webapp.accounts.models import User
from webapp.common.errors import DomainError
from webapp.explore.models import SavedView
from webapp.workflows.models import Workflow

MOST_VIEWS = 100  # of a person in a campaign
MOST_QUERY = 8_000


class ViewUnusable(DomainError):
    """A view that cannot be kept."""


def save_view(*, workflow: Workflow, user: User, name: str, query: str) -> SavedView:
    """Keep an address's filters under a name; another view of that name gives way.

    It is kept as it was written: if a column goes one day, its page says which.

    Raises:
        ViewUnusable: there is no name, or there are too many views.
    """
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > 60:
        raise ViewUnusable(f"{shown(name)} is no name for a view: write 1 to 60 characters.")
    if len(query) > MOST_QUERY or "\0" in query:
        raise ViewUnusable(f"The address has {len(query):,} characters: take filters out.")
    own = SavedView.objects.filter(workflow=workflow, user=user)
    if own.exclude(name=name).count() >= MOST_VIEWS:
        raise ViewUnusable(f"You have {MOST_VIEWS} views here: remove one first.")
    return SavedView.objects.update_or_create(
        workflow=workflow, user=user, name=name, defaults={"query": query}
    )[0]
