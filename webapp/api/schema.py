"""The OpenAPI document: what drf-spectacular finds, and what every address may refuse."""

from functools import lru_cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from webapp.api.paging import LIMIT, MOST
from webapp.api.problems import MEDIA_TYPE

PROBLEMS = {
    "400": "The request cannot be answered as it stands; the sentence says what to change.",
    "401": "There is no token, or it cannot be used: unknown, revoked, expired.",
    "403": "The account is no scientist's, or the token lacks the scope.",
    "404": "There is nothing of this name for you.",
    "405": "The address does not take this method.",
    "429": "Too many requests; Retry-After says how many seconds to wait.",
}
_PROBLEM = {
    "type": "object",
    "description": "What was refused, and what to do instead (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence."},
    },
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document says what a token is."""

    target_class = "webapp.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer"}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the OpenAPI document; made once a process."""
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(request=None, public=True))


def operations() -> list[dict[str, Any]]:
    """Return what can be asked for, in the order of the document, for people to read."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "id": operation["operationId"],
            "words": operation.get("description", ""),
            "parameters": operation.get("parameters", []),
            "fields": _fields(operation.get("requestBody"), "application/json"),
            "answer": _answer(operation["responses"]),
            "codes": [(code, of.get("description", "")) for code, of in _sorted(operation)],
        }
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
    ]


def _sorted(operation: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(operation["responses"].items())


def _answer(responses: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of an answer, or of one row of a page."""
    good: dict[str, Any] = next(
        (of for code, of in responses.items() if code in ("200", "201", "202")), {}
    )
    return _fields(good, "application/json")


def _fields(body: dict[str, Any] | None, kind: str) -> list[dict[str, Any]]:
    shape = _resolved((body or {}).get("content", {}).get(kind, {}).get("schema", {}))
    if "results" in shape.get("properties", {}):
        shape = _resolved(shape["properties"]["results"].get("items", {}))
    return [
        {"name": name, "kind": _kind(of), "words": of.get("description", "")}
        for name, of in shape.get("properties", {}).items()
    ]


def _resolved(shape: dict[str, Any]) -> dict[str, Any]:
    name = shape.get("$ref", "").rpartition("/")[2]
    return dict(document()["components"]["schemas"][name]) if name else shape


def _kind(of: dict[str, Any]) -> str:
    parts = of.get("allOf") or of.get("oneOf") or [of]
    shape = _resolved(parts[0])
    words = f"{shape.get('type', 'any')} {shape.get('format', '')}".strip()
    return f"{words} or null" if of.get("nullable") else words


def ours(endpoints: list[Any], **_rest: Any) -> list[Any]:
    """Keep the addresses of the API."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


def add_problems(result: dict[str, Any], **_rest: Any) -> dict[str, Any]:
    """Say of every operation how it refuses, and when nothing has changed since."""
    result["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status, words in PROBLEMS.items():
                operation["responses"].setdefault(status, _problem(words))
            if method == "get":
                operation["responses"]["304"] = {"description": "Nothing has changed since."}
            if "requestBody" in operation:
                operation["responses"]["415"] = _problem("The fields are not sent as JSON.")
    return result


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}


def paged(row: type[serializers.Serializer[Any]]) -> Any:
    """Return the shape of a page of these rows."""
    return inline_serializer(
        f"{row.__name__.removesuffix('Serializer')}Page",
        {
            "results": row(many=True),
            "next": serializers.URLField(
                allow_null=True, help_text="Address of the next page, null at the end."
            ),
        },
    )


def parameter(name: str, words: str, kind: Any = str) -> OpenApiParameter:
    """Return a parameter of an address."""
    return OpenApiParameter(name, kind, description=words)


PAGING = [
    OpenApiParameter(
        "limit", int, description=f"Rows of a page, 1 to {MOST}; {LIMIT} unless told."
    ),
    OpenApiParameter("cursor", str, description="Where the page begins; follow `next` instead."),
]

_TEXT, _WHOLE = {"type": "string"}, {"type": "integer"}
_DEGREES = {"type": "number", "nullable": True, "description": "ICRS degrees."}
CATALOG_ROW: Any = {
    "type": "object",
    "description": "A galaxy; its other fields are the campaign's columns, see `columns`.",
    "properties": {"source_id": _WHOLE, "survey_id": _TEXT, "ra": _DEGREES, "dec": _DEGREES},
    "additionalProperties": {},
}
CATALOG_PAGE: Any = {
    "type": "object",
    "required": ["results", "next"],
    "properties": {
        "results": {"type": "array", "items": CATALOG_ROW},
        "next": {"type": "string", "format": "uri", "nullable": True,
                 "description": "Address of the next page, null at the end."},
    },
}  # fmt: skip
COLUMNS: Any = {
    "type": "object",
    "required": ["columns"],
    "properties": {
        "columns": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "type", "description"],
                "properties": {"name": _TEXT, "type": _TEXT, "unit": _TEXT, "ucd": _TEXT,
                               "description": _TEXT, "null": _TEXT},
                "additionalProperties": {},
            },
        }
    },
}  # fmt: skip
