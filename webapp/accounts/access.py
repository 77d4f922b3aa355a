"""Who may see a page: decorators for views."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import quote, urlsplit

from allauth.account.decorators import reauthentication_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from webapp.accounts.models import Role, User

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def signed_in(view: View[Arguments]) -> View[Arguments]:
    """Let users pass; send everybody else to sign in, and from there back to the page."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    return guarded


def for_roles(*roles: Role) -> Callable[[View[Arguments]], View[Arguments]]:
    """Return a decorator that lets these roles pass and answers 403 to other users."""

    def decorate(view: View[Arguments]) -> View[Arguments]:
        @wraps(view)
        def guarded(
            request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs
        ) -> HttpResponse:
            if cast("User", request.user).role not in roles:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return signed_in(guarded)

    return decorate


def confirmed(view: View[Arguments]) -> View[Arguments]:
    """Let users pass who have given their password within minutes; ask the others for it first."""
    guarded: View[Arguments] = reauthentication_required(view)
    return signed_in(guarded)


owners_only = for_roles(Role.SCIENTIST, Role.ADMIN)
admins_only = for_roles(Role.ADMIN)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Go to the sign-in page."""
    return lead_to(request, f"{reverse('account_login')}?next={quote(page_of(request))}")


def lead_to(request: HttpRequest, place: str) -> HttpResponse:
    """Go to another page; htmx leaves its own for it, so that no part becomes a form."""
    if not _is_htmx(request):
        return redirect(place)
    response = HttpResponse(status=204)
    response.headers["HX-Redirect"] = place
    return response


def page_of(request: HttpRequest) -> str:
    """Return the address, within this site, of the page that a request came from or is."""
    if _is_htmx(request):
        return _within(request, request.headers.get("HX-Current-URL", ""))
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return _within(request, request.headers.get("Referer", ""))


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _within(request: HttpRequest, address: str) -> str:
    """Return path and query of an address of this site, or of the first page."""
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(address, hosts, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(address)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return path if url_has_allowed_host_and_scheme(path, None) else "/"
