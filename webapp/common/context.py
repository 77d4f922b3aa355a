"""What every page is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from webapp.common.views import THEMES


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the theme that this browser chose, and the site's own words."""
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in THEMES else "",
        "site_name": settings.SITE_NAME,
        "votes_license": settings.VOTES_LICENSE,
        "votes_license_url": settings.VOTES_LICENSE_URL,
        "contact": settings.CONTACT,
    }
