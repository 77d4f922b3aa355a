"""Who may see an owner's page: its campaign's owners and administrators; others find nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import Http404, HttpRequest, HttpResponse

from webapp.accounts.access import signed_in
from webapp.accounts.models import User
from webapp.workflows.models import Workflow

Arguments = ParamSpec("Arguments")


def owner_page(
    view: Callable[Concatenate[HttpRequest, Workflow, Arguments], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, Arguments], HttpResponse]:
    """Call a view with the campaign that the address names, if this person may change it.

    Who owns it but is no scientist any more finds nothing either.
    """

    @signed_in
    @wraps(view)
    def wrapped(
        request: HttpRequest, slug: str, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponse:
        user = user_of(request)
        own = Workflow.objects.owned_by(user).select_related("tree")
        workflow = own.filter(slug=slug).first() if user.may_own_workflows else None
        if workflow is None:
            raise Http404
        return view(request, workflow, *args, **kwargs)

    return wrapped


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)
