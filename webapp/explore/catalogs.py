"""The public catalog: galaxies by any column, as pictures, a table, a histogram or a map."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from webapp.accounts.access import signed_in
from webapp.common.errors import DomainError
from webapp.explore import matching, queries, services
from webapp.explore.access import is_scientist, public_page, sees_all_votes, user_of
from webapp.explore.asked import HISTOGRAM, MAP, PICTURES, TABLE, Asked, added
from webapp.explore.columns import Columns
from webapp.explore.facets import facets
from webapp.explore.histogram import histogram
from webapp.explore.models import SavedView
from webapp.explore.rows import heads, rows
from webapp.explore.shelf import Catalog, Replaced, TooSlow, catalog_of, in_time
from webapp.explore.sky_map import sky_map
from webapp.exports import citation
from webapp.exports.columns import Column
from webapp.exports.derived import DISAGREEMENT
from webapp.exports.queries import published
from webapp.exports.selection import CONE, Refused
from webapp.workflows.models import Status, Workflow

logger = logging.getLogger(__name__)

CATALOG = "explore/catalog.html"
N_PICTURES, N_ROWS = 48, 100
N_FIRST = 3  # answers of the first question in the table
FORMATS = (("fits", "FITS"), ("parquet", "Parquet"), ("votable", "VOTable"), ("ecsv", "ECSV"),
           ("csv", "CSV"))  # fmt: skip


@require_safe
def catalogs(request: HttpRequest) -> HttpResponse:
    """List the campaigns whose galaxies can be looked at."""
    return render(request, "explore/catalogs.html", {"campaigns": queries.catalogs()})


@require_safe
@never_cache
@public_page
def catalog(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show the galaxies that the address asks for."""
    return _page(request, workflow, request.GET)


@dataclass(frozen=True)
class Unsaved:
    """A view that was not kept: the name that was typed, and why."""

    name: str
    why: str


def _page(
    request: HttpRequest, workflow: Workflow, query: QueryDict, unsaved: Unsaved | None = None
) -> HttpResponse:
    try:
        return _catalog_page(request, workflow, query, unsaved)
    except Replaced:  # a newer edition came while this one was read
        return _catalog_page(request, workflow, query, unsaved)


def _catalog_page(
    request: HttpRequest, workflow: Workflow, query: QueryDict, unsaved: Unsaved | None
) -> HttpResponse:
    context = _frame(request, workflow) | {"unsaved": unsaved}
    found = catalog_of(workflow.pk)
    if found is None:
        return render(request, CATALOG, context, status=422 if unsaved else 200)
    asked, refused = Asked.sort_out(query, _columns(request, workflow, found))
    context |= _around(request, workflow, found, asked)
    if refused:
        return render(request, CATALOG, context | _refusal(refused, asked), status=422)
    try:
        with in_time():
            context |= _shown(request, workflow, found, asked)
    except TooSlow as error:
        logger.warning("%s was too slow: %s", request.path, asked.selection.query)
        return render(request, CATALOG, context | {"errors": [str(error)]}, status=503)
    except DomainError as error:
        return render(
            request, CATALOG, context | _refusal([Refused("after", "", str(error))], asked),
            status=422,
        )  # fmt: skip
    return render(request, CATALOG, context, status=422 if unsaved else 200)


def _columns(request: HttpRequest, workflow: Workflow, found: Catalog) -> Columns:
    """Return the columns that a person may ask for.

    What the survey says may be hidden while people vote, so of open galaxies it is for scientists.
    """
    lists_open = sees_all_votes(request, workflow)
    is_open_to_all = is_scientist(request) or not lists_open
    return found.columns if is_open_to_all else found.columns.public


def _frame(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    return {
        "workflow": workflow,
        "hides_open": not sees_all_votes(request, workflow),
        "is_scientist": is_scientist(request),
        "is_draft": workflow.status == Status.DRAFT,
        "edition": None,
    }


def _around(
    request: HttpRequest, workflow: Workflow, found: Catalog, asked: Asked
) -> dict[str, Any]:
    """Return what stands around the galaxies: forms, filters that are set, views."""
    page = reverse("explore:catalog", args=[workflow.slug])
    return {
        "edition": found.edition,
        "citation": citation.of_moment(
            workflow, cast("datetime", found.edition.as_of), request.build_absolute_uri(page)
        ),
        "release": published().filter(workflow=workflow, withdrawn_at=None).first(),
        "asked": asked,
        "columns": _columns(request, workflow, found).all,
        "filters": [
            (words, asked.without(place)) for place, words in enumerate(asked.selection.words)
        ],
        "facets": facets(
            asked, workflow, found.tree, found.columns,
            only_retired=not sees_all_votes(request, workflow),
        ),
        "views": [(view, words, asked.link(view=view)) for view, words in _views()],
        "orders": _orders(found, asked),
        "sorted_by": found.columns.by_name[asked.order.column],
        "saved": _saved(request, workflow),
        "formats": FORMATS,
    }  # fmt: skip


def _views() -> list[tuple[str, str]]:
    return [
        (PICTURES, _("Pictures")), (TABLE, _("Table")), (HISTOGRAM, _("Histogram")),
        (MAP, _("Sky map")),
    ]  # fmt: skip


def _orders(found: Catalog, asked: Asked) -> list[tuple[str, str, bool]]:
    """Return usual orders as words, links and whether they are the present one."""
    usual = [("source_id", _("as they came in"))]
    if DISAGREEMENT in found.columns.by_name:
        usual.append((f"-{DISAGREEMENT}", _("people and model disagree most")))
    usual += [
        ("-n_classifications", _("most classified")),
        ("-retired_at", _("retired last")),
    ]
    return [(words, asked.link(sort=text), asked.order.text == text) for text, words in usual]


def _saved(request: HttpRequest, workflow: Workflow) -> list[SavedView]:
    if not request.user.is_authenticated:
        return []
    return list(SavedView.objects.filter(workflow=workflow, user=request.user).order_by("name"))


def _refusal(refused: list[Refused], asked: Asked) -> dict[str, Any]:
    return {"errors": [one.reason for one in refused], "without": asked.link()}


def _shown(
    request: HttpRequest, workflow: Workflow, found: Catalog, asked: Asked
) -> dict[str, Any]:
    """Return the galaxies, or the plot of them."""
    only_retired = not sees_all_votes(request, workflow)
    matched = matching.matching(found, asked.selection, only_retired=only_retired)
    context: dict[str, Any] = {"n_found": len(matched)}
    if asked.view == HISTOGRAM:
        column = found.columns.by_name[asked.chart or _first_share(found).name]
        values = found.numbers(column.name)[matched]
        return context | {"histogram": histogram(column, values)}
    if asked.view == MAP:
        drawn = sky_map(found.array("ra")[matched], found.array("dec")[matched])
        rest = asked.having(CONE, "")
        links = [(cell, f"{rest}&{CONE}={cell.cone.text}") for cell in drawn.cells]
        return context | {"map": drawn, "cells": links}
    n = N_ROWS if asked.view == TABLE else N_PICTURES
    page = matching.page_of(found, matched, asked.order, after=asked.after, n=n)
    names = _table_columns(found, asked) if asked.view == TABLE else _line_columns(found, asked)
    return context | {
        "rows": rows(found, page, names),
        "heads": heads(asked, found.columns, names),
        "next": asked.link(after=str(page.after)) if page.after is not None else "",
        "names": names,
    }


def _first_share(found: Catalog) -> Column:
    return next(one for one in found.columns.catalog if one.family == "post")


def _table_columns(found: Catalog, asked: Asked) -> list[str]:
    """Return the columns of the table: those asked for, or usual ones with what is filtered."""
    if asked.columns:
        return list(asked.columns)
    first = [
        column.name
        for family in ("lead", "frac", "post", "ml")
        for column in found.columns.catalog
        if column.family == family and column.question == 0 and (column.answer or 0) < N_FIRST
    ]
    names = [
        "source_id", "survey_id", "ra", "dec", "n_classifications", *first, "retired_reason",
        *_own_columns(asked),
    ]  # fmt: skip
    return list(dict.fromkeys(names))


def _line_columns(found: Catalog, asked: Asked) -> list[str]:
    """Return what stands under a picture: the leading answer, and what it is sorted by."""
    lead = next(one.name for one in found.columns.catalog if one.family == "lead")
    sorted_by = [] if asked.order.column in ("source_id", lead) else [asked.order.column]
    return [lead, *sorted_by]


def _own_columns(asked: Asked) -> list[str]:
    return [*(one.column for one in asked.selection.conditions), asked.order.column]


@require_safe
@public_page
def add_filter(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Lead to the address with the filter that a form has sent."""
    found = catalog_of(workflow.pk)
    page = reverse("explore:catalog", args=[workflow.slug])
    if found is None:
        return redirect(page)
    return redirect(f"{page}?{added(request.GET, _columns(request, workflow, found))}")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
@public_page
def save_view(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Keep the present filters under a name; refused, the page stays with what was typed.

    That page's links are of this address, so asked for, it leads on to the catalog's.
    """
    page = reverse("explore:catalog", args=[workflow.slug])
    if request.method != "POST":
        return redirect(f"{page}?{request.META['QUERY_STRING']}")
    name, query = request.POST.get("name", ""), request.POST.get("query", "")
    try:
        services.save_view(workflow=workflow, user=user_of(request), name=name, query=query)
    except DomainError as error:
        return _page(request, workflow, QueryDict(query), Unsaved(name, str(error)))
    messages.success(request, _("Saved. It stands under your views."))
    return redirect(f"{page}?{query}")


@require_POST
@signed_in
@public_page
def remove_view(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Forget one of this person's views."""
    get_object_or_404(SavedView, pk=pk, workflow=workflow, user=user_of(request)).delete()
    return redirect("explore:catalog", workflow.slug)
