"""Where an answer comes from, in the words of the IVOA's note on the origin of data."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

SOFTWARE = "Tuning Fork 0.1.0"
CONE_SEARCH = "ivo://ivoa.net/std/ConeSearch"
MOST_OF_REQUEST = 1000  # characters of an address that are said back


def origin(request: HttpRequest) -> list[tuple[str, str]]:
    """Return who publishes what was asked for, under which license, and when it was asked."""
    page = request.build_absolute_uri(request.path)
    return [
        ("publisher", settings.SITE_NAME),
        ("server_software", SOFTWARE),
        ("service_protocol", CONE_SEARCH),
        ("request", request.build_absolute_uri()[:MOST_OF_REQUEST]),
        ("request_date", timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("citation", f"{settings.SITE_NAME}, {page}"),
        ("reference_url", page),
        ("rights", settings.VOTES_LICENSE),
        ("rights_uri", settings.VOTES_LICENSE_URL),
        ("contact", settings.CONTACT),
    ]
