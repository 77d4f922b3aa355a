"""What is refused, as documents of RFC 9457: what happened with the value, and the remedy."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from webapp.common.errors import DomainError, NotFound

MEDIA_TYPE = "application/problem+json"
WORDS = {
    401: "This needs a token. Make one at /accounts/tokens/ and send it as: Authorization: "
    "Bearer tf_...",
    404: "There is nothing at this address for you. See /api/ for what there is.",
    405: "This address does not take {method}. See /api/docs/ for what it takes.",
    415: "Send the fields as JSON, with the header Content-Type: application/json.",
    429: "Too many requests: wait {wait} seconds, and then ask less often.",
}


class Refused(exceptions.APIException):
    """A request that cannot be answered as it stands."""

    status_code = 400


class Conflict(exceptions.APIException):
    """Something that was asked for cannot be done now."""

    status_code = 409


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document of an exception, or None for what nobody foresaw."""
    if isinstance(error, NotFound):
        error = exceptions.NotFound(str(error))
    elif isinstance(error, DomainError):
        error = Refused(str(error))
    response = exception_handler(error, context)
    if response is None:
        return None
    sentence = _sentence(error, response.status_code, context)
    response.data = document(response.status_code, sentence)
    response.content_type = MEDIA_TYPE
    response.headers["Cache-Control"] = "no-store"
    return response


def document(status: int, detail: str) -> dict[str, Any]:
    """Return a problem document."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status,
            "detail": detail}  # fmt: skip


def _sentence(error: Exception, status: int, context: Mapping[str, Any]) -> str:
    if isinstance(error, exceptions.ValidationError):
        return _of_fields(error.detail)
    is_bare = isinstance(error, (Http404, PermissionDenied, exceptions.NotAuthenticated))
    if status in (405, 415, 429) or (is_bare and status in WORDS):
        method = context["request"].method
        return WORDS[status].format(method=method, wait=getattr(error, "wait", 0))
    return str(getattr(error, "detail", error))


def _of_fields(detail: Any) -> str:
    """Return what is wrong with the fields of a request, in one line."""
    if not isinstance(detail, Mapping):
        return " ".join(str(line) for line in detail)
    return " ".join(f"{name}: {_of_fields(lines)}" for name, lines in detail.items())
