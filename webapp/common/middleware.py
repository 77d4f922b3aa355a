"""What every response gets, and what happens when the database does not answer."""

import logging
from collections.abc import Callable
from threading import local

from django.db import connection
from django.http import HttpRequest, HttpResponse
from psycopg.errors import ConnectionTimeout

from webapp.common.outage import is_unavailability, leave_if_cut
from webapp.common.patience import Budget, Gate, TooSlow
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
        self.gate = Gate()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, over a new connection if any thread has lost its own meanwhile.

        While the database is slow as a whole it goes no further, so that nobody queues for it.
        """
        if not self.gate.may_pass():
            return unavailable()
        if getattr(self.thread, "n_outages", 0) != self.n_outages:
            self.thread.n_outages = self.n_outages
            connection.close()
        leave_if_cut()
        budget = Budget()
        try:
            with connection.execute_wrapper(budget):
                return self.get_response(request)
        finally:
            self._learn(budget)

    def _learn(self, budget: Budget) -> None:
        if budget.is_slow:
            logger.error(
                "The database is slow: %d statements, %.1f s.", budget.n_statements, budget.used_s
            )
            self.gate.close()
        elif budget.n_statements:
            self.gate.open()
        else:
            self.gate.give_back()

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a view's database failure into the answer."""
        if not is_unavailability(error):
            return None
        if isinstance(error.__cause__, ConnectionTimeout):
            self.gate.close()
        if not isinstance(error, TooSlow):
            self.n_outages += 1  # each thread gets another connection
        logger.error("The database could not serve %s %s: %s", request.method, request.path, error)
        return unavailable()
