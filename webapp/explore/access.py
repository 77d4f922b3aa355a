"""Who may look: scientists and administrators, at campaigns that are theirs or open to all."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse

from webapp.accounts.access import owners_only
from webapp.accounts.models import User
from webapp.workflows.models import Workflow

View = Callable[..., HttpResponse]


def visible(user: User) -> list[int]:
    """Return the ids of campaigns whose galaxies this person may look at."""
    own = Workflow.objects.owned_by(user).values_list("pk", flat=True)
    return sorted({*own, *Workflow.objects.public().values_list("pk", flat=True)})


def campaign_page(view: View) -> View:
    """Call a view with the campaign that the address names, if this person may look at it."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        rows = Workflow.objects.select_related("tree").filter(slug=slug)
        workflow = rows.filter(pk__in=visible(user_of(request))).first()
        if workflow is None:
            raise Http404
        return view(request, workflow, **rest)

    return owners_only(wrapped)


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)
