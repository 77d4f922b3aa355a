"""One line a record, whatever somebody put into a name: for people, or as JSON for programs."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from celery import current_task
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
_GIVEN = re.compile(r"[0-9A-Za-z-]{8,64}", re.ASCII)  # an id that a proxy may have given
_request_id: ContextVar[str] = ContextVar("request_id", default="")


class LineFormatter(logging.Formatter):
    """Formats a record as time, level, logger and message, with control characters escaped."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a traceback that follows keeps its line breaks."""
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, with the request or the task it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, ASCII only; a traceback is one of its fields."""
        fields = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}"
            f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request": _request_id.get(),
            "task": _task_id(),
            "traceback": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({name: value for name, value in fields.items() if value})


def name_requests(get_response: Handler) -> Handler:
    """Give each request an id, its proxy's if it has one; its log lines and answer bear it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        token = _request_id.set(request_id)
        try:
            response = get_response(request)
        finally:
            _request_id.reset(token)
        response.headers["X-Request-ID"] = request_id
        return response

    return middleware


def _task_id() -> str:
    task: Any = current_task  # a proxy, which is false outside of tasks
    return str(task.request.id or "") if task else ""
