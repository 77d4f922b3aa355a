"""What every page is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from webapp.common.views import THEMES


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the theme that this browser chose, the ways to other pages, the site's own words."""
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in THEMES else "",
        "nav": SimpleLazyObject(lambda: navigation(request)),
        "languages": settings.LANGUAGES,
        "site_name": settings.SITE_NAME,
        "votes_license": settings.VOTES_LICENSE,
        "votes_license_url": settings.VOTES_LICENSE_URL,
        "contact": settings.CONTACT,
    }


def navigation(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """Return address, words and whether it is this page, for each page in the head."""
    is_owner = getattr(request.user, "may_own_workflows", False)
    return [
        (url, str(words), request.path == url)
        for name, words, needs_owner in settings.NAVIGATION
        if (is_owner or not needs_owner) and (url := _address(name))
    ]


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
