"""Answers that belong to no page: refusals, the theme, whom to write to about a hole."""

import sys
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from webapp.common.outage import is_unavailability

RETRY_AFTER_S = 5
SECURITY_TXT_DAYS = 180  # less than the year that the standard allows
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


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Say whom to write to about a hole in this site (RFC 9116), if the operator has said it."""
    if not settings.SECURITY_CONTACT:
        raise Http404
    until = timezone.now() + timedelta(days=SECURITY_TXT_DAYS)
    lines = [
        f"Contact: {settings.SECURITY_CONTACT}",
        f"Expires: {until.strftime('%Y-%m-%dT00:00:00Z')}",
        f"Preferred-Languages: {', '.join(code for code, _name in settings.LANGUAGES)}",
        f"Canonical: {request.build_absolute_uri(request.path)}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def safe_next(request: HttpRequest, fallback: str = "/") -> str:
    """Return the address that a form asks to go on to, if it is one of this site."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours and target.startswith("/") else fallback


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
