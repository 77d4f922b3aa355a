"""What a cone search says of itself to programs of the Virtual Observatory."""

from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from webapp.api import cone
from webapp.common.outage import is_unavailability
from webapp.exports.columns import Column, Kind
from webapp.workflows.models import Workflow

TYPES = {
    Kind.TEXT: ("unicodeChar", "*"),
    Kind.INSTANT: ("char", "*"),
    Kind.INT64: ("long", ""),
    Kind.INT32: ("int", ""),
    Kind.INT16: ("short", ""),
    Kind.FLOAT64: ("double", ""),
    Kind.FLOAT32: ("float", ""),
}


@require_safe
def capabilities(request: HttpRequest, slug: str) -> HttpResponse:
    """Say which searches there are, and their limits."""
    workflow = _public(slug)
    if workflow is None:
        return HttpResponse(status=404)
    context = {"search": _address(request, "cone", slug), "most": settings.CONE_MAX_ROWS}
    for name in ("capabilities", "availability", "tables"):
        context[name] = _address(request, f"cone_{name}", slug)
    return _document(request, "capabilities", context)


@require_safe
def availability(request: HttpRequest, slug: str) -> HttpResponse:
    """Say whether a search would be answered now; during maintenance it would not."""
    try:
        is_there, note = _public(slug) is not None, "There is no such campaign here."
    except (DatabaseError, InterfaceError) as error:
        if not is_unavailability(error):
            raise
        is_there, note = False, "The database is under maintenance; come back in a few minutes."
    context = {"is_available": is_there, "note": "" if is_there else note}
    return _document(request, "availability", context)


@require_safe
def tables(request: HttpRequest, slug: str) -> HttpResponse:
    """Say which columns an answer can have."""
    workflow = _public(slug)
    if workflow is None:
        return HttpResponse(status=404)
    columns = [_column(column) for column in cone.columns_of(workflow, 3)]
    context = {"workflow": workflow, "table": slug.replace("-", "_"), "columns": columns}
    return _document(request, "tables", context)


def _column(column: Column) -> dict[str, Any]:
    kind, size = TYPES[column.kind]
    return {
        "name": column.name,
        "words": column.description,
        "unit": column.unit,
        "ucd": column.ucd1 or column.ucd,
        "kind": kind,
        "size": size,
    }


def _public(slug: str) -> Workflow | None:
    return Workflow.objects.public().with_tree().filter(slug=slug).first()


def _address(request: HttpRequest, name: str, slug: str) -> str:
    return request.build_absolute_uri(reverse(f"api:{name}", args=[slug]))


def _document(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"api/{name}.xml", context, content_type="text/xml")
