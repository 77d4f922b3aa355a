"""Who may look: anybody at public campaigns, and who sees the votes of a galaxy that is open."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse

from webapp.accounts.access import owners_only
from webapp.accounts.identity import known_identity
from webapp.accounts.models import User
from webapp.classifications import queries as classifications
from webapp.consensus.models import Consensus, RetiredReason
from webapp.workflows.models import Status, Workflow, WorkflowQuerySet

View = Callable[..., HttpResponse]


def visible(user: User | AnonymousUser) -> list[int]:
    """Return the ids of campaigns whose galaxies this person may look at."""
    return sorted(_visible(user).values_list("pk", flat=True))


def _visible(user: User | AnonymousUser) -> WorkflowQuerySet:
    own = Workflow.objects.owned_by(user)
    return Workflow.objects.filter(~Q(status=Status.DRAFT) | Q(pk__in=own.values("pk")))


def public_page(view: View) -> View:
    """Call a view with the campaign that the address names, if it is public or this person's."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        workflow = _visible(request.user).with_tree().filter(slug=slug).first()
        if workflow is None:
            raise Http404
        return view(request, workflow, **rest)

    return wrapped


def campaign_page(view: View) -> View:
    """Do so for scientists and administrators only."""
    return owners_only(public_page(view))


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)


def is_scientist(request: HttpRequest) -> bool:
    """Say whether this person sees everything, and may ask for what costs much."""
    return bool(getattr(request.user, "may_own_workflows", False))


def sees_all_votes(request: HttpRequest, workflow: Workflow) -> bool:
    """Say whether this person may see the votes of galaxies that are still open."""
    return not workflow.hides_votes or is_scientist(request)


def sees_votes(request: HttpRequest, workflow: Workflow, tally: Consensus) -> bool:
    """Say whether this person may see the votes of a galaxy: scientists, or after one's own vote.

    A galaxy that has retired is open to all; one whose set was withdrawn may come back.
    """
    if tally.retired_reason not in ("", RetiredReason.WITHDRAWN):
        return True
    return sees_all_votes(request, workflow) or _has_classified(request, workflow, tally)


def _has_classified(request: HttpRequest, workflow: Workflow, tally: Consensus) -> bool:
    identity = known_identity(request)
    if identity is None:
        return False
    own = classifications.classifications_of(identity)
    return own.filter(workflow=workflow, subject=tally.subject_id).exists()
