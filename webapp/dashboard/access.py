"""Who may see an owner's page: its campaign's owners and administrators; others find nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse

from webapp.accounts.access import signed_in
from webapp.accounts.models import User
from webapp.workflows.models import Workflow

View = Callable[..., HttpResponse]


def owner_page(view: View) -> View:
    """Call a view with the campaign that the address names, if this person may change it.

    Who owns it but is no scientist any more finds nothing either.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        user = user_of(request)
        own = Workflow.objects.owned_by(user).select_related("tree")
        workflow = own.filter(slug=slug).first() if user.may_own_workflows else None
        if workflow is None:
            raise Http404
        return view(request, workflow, **rest)

    return signed_in(wrapped)


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)
