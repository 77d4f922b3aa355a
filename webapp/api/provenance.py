"""Where an answer comes from, in the words of the IVOA's note on the origin of data."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from webapp.exports import citation
from webapp.exports.origin import iso, software
from webapp.workflows.models import Workflow

CONE_SEARCH = "ivo://ivoa.net/std/ConeSearch"
MOST_OF_REQUEST = 1000  # characters of an address that are said back


def origin(request: HttpRequest, workflow: Workflow | None = None) -> list[tuple[str, str]]:
    """Return who publishes what was asked for, under which license, and when it was asked.

    Args:
        workflow: the campaign that the answer is of; none where the search is refused.
    """
    page, now = request.build_absolute_uri(request.path), timezone.now()
    return [
        ("publisher", settings.SITE_NAME),
        ("server_software", software()),
        ("service_protocol", CONE_SEARCH),
        ("request", request.build_absolute_uri()[:MOST_OF_REQUEST]),
        ("request_date", iso(now)),
        ("citation", _citation(request, workflow, now, page).sentence),
        ("reference_url", page),
        ("rights", settings.VOTES_LICENSE),
        ("rights_uri", settings.VOTES_LICENSE_URL),
        ("contact", settings.CONTACT),
    ]


def _citation(
    request: HttpRequest, workflow: Workflow | None, at: datetime, page: str
) -> citation.Citation:
    if workflow is None:
        return citation.of_site(at, page)
    catalog = reverse("explore:catalog", args=[workflow.slug])
    return citation.of_moment(workflow, at, request.build_absolute_uri(catalog))
