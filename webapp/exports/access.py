"""Who may ask for files and see releases."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse

from webapp.accounts.access import owners_only
from webapp.accounts.models import User
from webapp.exports import queries
from webapp.exports.models import Export, Release
from webapp.workflows.models import Workflow

View = Callable[..., HttpResponse]


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)


def public_page(view: View) -> View:
    """Call a view with the campaign that the address names, if it is public or this person's."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        own = Workflow.objects.owned_by(request.user)
        rows = Workflow.objects.public() | own
        workflow = Workflow.objects.with_tree().filter(pk__in=rows.values("pk"), slug=slug).first()
        if workflow is None:
            raise Http404
        return view(request, workflow, **rest)

    return wrapped


def scientists_page(view: View) -> View:
    """Do so for scientists and administrators only."""
    return owners_only(public_page(view))


def owners_page(view: View) -> View:
    """Do so for those who may change the campaign; others find nothing."""

    @wraps(view)
    def wrapped(request: HttpRequest, workflow: Workflow, **rest: Any) -> HttpResponse:
        if not queries.owns(workflow, request.user):
            raise Http404
        return view(request, workflow, **rest)

    return scientists_page(wrapped)


def own_export(view: View) -> View:
    """Call a view with a file that this person has asked for."""

    @wraps(view)
    def wrapped(request: HttpRequest, pk: int) -> HttpResponse:
        export: Export | None = queries.exports_of(user_of(request)).filter(pk=pk).first()
        if export is None:
            raise Http404
        return view(request, export)

    return owners_only(wrapped)


def release_page(view: View) -> View:
    """Call a view with the release that the address names, if this person may see it."""

    @wraps(view)
    def wrapped(request: HttpRequest, workflow: Workflow, number: int, **rest: Any) -> HttpResponse:
        rows = queries.releases_of(workflow, request.user).filter(number=number)
        release: Release | None = rows.first()
        if release is None:
            raise Http404
        return view(request, release, **rest)

    return public_page(wrapped)
