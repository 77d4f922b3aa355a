"""Who may see an owner's page: its campaign's owners and administrators; others find nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import urlencode

from webapp.accounts.models import User
from webapp.workflows.models import Workflow

View = Callable[..., HttpResponse]


def owner_page(view: View) -> View:
    """Call a view with the campaign that the address names, if this person may change it."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in(request)
        own = Workflow.objects.owned_by(request.user).select_related("tree")
        workflow = own.filter(slug=slug).first()
        if workflow is None:
            raise Http404
        return view(request, workflow, **rest)

    return wrapped


def scientist_page(view: View) -> View:
    """Call a view if this person may own campaigns."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in(request)
        if not user_of(request).may_own_workflows:
            raise Http404
        return view(request)

    return wrapped


def user_of(request: HttpRequest) -> User:
    """Return the person who has signed in."""
    return cast("User", request.user)


def sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in and back to a page: never to a part, never to a POST."""
    htmx = request.htmx  # type: ignore[attr-defined]
    if htmx:
        page = htmx.current_url_abs_path or reverse("dashboard:campaigns")
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = f"{resolve_url('account_login')}?" + urlencode(
            {"next": page}
        )
        return response
    is_page = request.method in ("GET", "HEAD")
    return redirect_to_login(request.get_full_path() if is_page else reverse("dashboard:campaigns"))
