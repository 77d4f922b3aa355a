"""What machines ask the site about itself: does it live, may it be sent visitors, how is it.

Answered before anything else: no session, no host name, no redirect; nothing secret is said.
"""

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse

from webapp.common.outage import leave_if_cut
from webapp.common.start import free_mb, n_open_migrations
from webapp.dashboard import longwork

Handler = Callable[[HttpRequest], HttpResponse]
PATIENCE = timedelta(minutes=10)  # that work may wait for a worker before something is wrong
_is_migrated: list[bool] = []  # holds True once it was seen


@dataclass(frozen=True)
class Check:
    """One thing that must be right, and what was found."""

    name: str
    is_right: bool
    words: str


def serve(get_response: Handler) -> Handler:
    """Answer the three addresses, and pass everything else on."""
    answers: dict[str, Handler] = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}

    def middleware(request: HttpRequest) -> HttpResponse:
        response = answers.get(request.path_info, get_response)(request)
        if request.path_info in answers:
            response.headers["Cache-Control"] = "no-store"
        return response

    return middleware


def livez(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers; nothing else is looked at."""
    return HttpResponse("alive\n", content_type="text/plain")


def readyz(_request: HttpRequest) -> HttpResponse:
    """Say what is wrong, with 503 if anything is: then another machine should get the visitors."""
    leave_if_cut()
    checks = list(readiness())
    is_ready = all(check.is_right for check in checks)
    return JsonResponse(
        {
            "ready": is_ready,
            "checks": {check.name: {"ok": check.is_right, "is": check.words} for check in checks},
        },
        status=200 if is_ready else 503,
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer figures in Prometheus' text form, to whoever has the token; in local mode to all."""
    token, given = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return HttpResponse("The token of METRICS_TOKEN is needed.\n", status=401)
    if not token and not settings.LOCAL_MODE:
        return HttpResponseNotFound("METRICS_TOKEN is not set.\n")
    from webapp.dashboard.metrics import exposition  # noqa: PLC0415 - only who is watched needs it

    leave_if_cut()
    body, content_type = exposition()
    return HttpResponse(body, content_type=content_type)


def readiness() -> Iterator[Check]:
    """Look at what a visitor needs: database, its tables, space on the disk, somebody who works."""
    try:
        yield _database()
        yield _migrations()
        yield _queues()
    except DatabaseError as error:
        connection.close()
        yield Check("database", False, f"does not answer ({type(error).__name__})")  # noqa: FBT003
    yield _disk()


def _database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        is_standby = cursor.fetchone()[0]
    return Check("database", not is_standby, "read-only" if is_standby else "answers")


def _migrations() -> Check:
    if not _is_migrated:
        if n_open := n_open_migrations():
            return Check("migrations", False, f"{n_open} to run: manage.py migrate")  # noqa: FBT003
        _is_migrated.append(True)
    return Check("migrations", True, "all run")  # noqa: FBT003


def _queues() -> Check:
    """Say whether work waits that nobody takes: workers or broker are away."""
    age = longwork.oldest_age()
    seconds = 0 if age is None else round(age.total_seconds())
    return Check("queues", age is None or age < PATIENCE, f"oldest work waits {seconds} s")


def _disk() -> Check:
    free = free_mb(settings.VAR_DIR)
    words = f"{free:,} MB free, {settings.LEAST_FREE_MB:,} wanted"
    return Check("disk", free >= settings.LEAST_FREE_MB, words)
