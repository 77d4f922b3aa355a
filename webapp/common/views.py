"""Answers that belong to no page: refusals, the theme."""

import sys
from collections.abc import Collection

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from webapp.common.outage import is_unavailability

RETRY_AFTER_S = 5
THEMES = ("night", "paper")


def unavailable() -> HttpResponse:
    """Say that saving is paused; needs neither the session nor the database."""
    response = render(None, "503.html", status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer what nothing else has caught; a database that is away is not the program's mistake."""
    if is_unavailability(sys.exc_info()[1]):
        return unavailable()
    return render(None, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Say that the page is older than the session, and that the form can be sent again."""
    return render(request, "403.html", {"is_stale_page": True}, status=403)


def safe_next(request: HttpRequest, fallback: str = "/") -> str:
    """Return the address that a form asks to go on to, if it is one of this site."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours and "/" in target else fallback


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember night or paper in a cookie; anything else forgets the choice."""
    return _remember(request, "theme", "theme", THEMES)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember a language of the site in a cookie; anything else follows the browser again."""
    codes = [code for code, _name in settings.LANGUAGES]
    return _remember(request, "language", settings.LANGUAGE_COOKIE_NAME, codes)


def _remember(
    request: HttpRequest, field: str, cookie: str, choices: Collection[str]
) -> HttpResponse:
    response = redirect(safe_next(request))
    chosen = request.POST.get(field, "")
    if chosen in choices:
        response.set_cookie(
            cookie,
            chosen,
            max_age=365 * 86400,
            samesite="Lax",
            httponly=True,
            secure=not settings.LOCAL_MODE,
        )
    else:
        response.delete_cookie(cookie, samesite="Lax")
    return response
