"""What every response gets, and what happens when the database does not answer."""

import logging
from collections.abc import Callable
from threading import local

from django.db import connection
from django.http import HttpRequest, HttpResponse

from webapp.common.outage import is_unavailability
from webapp.common.views import unavailable

logger = logging.getLogger(__name__)
Handler = Callable[[HttpRequest], HttpResponse]

PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def secure_responses(get_response: Handler) -> Handler:
    """Add the headers that Django and django-csp leave to others."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


class DatabaseUnavailable:
    """Answer 503 with Retry-After while PostgreSQL is down, full or read-only.

    Nothing is shown as saved, and the browser keeps what was answered (RS-7). What fails outside a
    view, such as reading the session, ends in `common.views.server_error`, which answers alike.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.n_outages = 0
        self.thread = local()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, over a new connection if any thread has lost its own meanwhile."""
        if getattr(self.thread, "n_outages", 0) != self.n_outages:
            self.thread.n_outages = self.n_outages
            connection.close()
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a view's database failure into the answer."""
        if not is_unavailability(error):
            return None
        self.n_outages += 1
        logger.error("The database could not serve %s %s: %s", request.method, request.path, error)
        return unavailable()
