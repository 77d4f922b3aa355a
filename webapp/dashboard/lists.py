"""Long lists about a campaign, read by key a page at a time: retired, flagged, history."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webapp.classifications import passing
from webapp.dashboard import queries
from webapp.dashboard.access import owner_page
from webapp.workflows.models import Workflow

KEY = re.compile(r"\d{1,18}", re.ASCII)  # fits PostgreSQL's bigint


def key_of(request: HttpRequest, name: str) -> int | None:
    """Return the key that the address goes on from; with another text it is no page of ours."""
    text = request.GET.get(name)
    if text is None:
        return None
    if not KEY.fullmatch(text):
        raise Http404
    return int(text)


@require_safe
@owner_page
def retired(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show the retired galaxies: when, by which rule, after which vote."""
    after = key_of(request, "after")
    page = queries.retired(workflow, after=after or 0)
    context = {"workflow": workflow, "tab": "retired", "page": page, "key": after}
    return render(request, "dashboard/retired.html", context)


@require_safe
@owner_page
def flagged(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show the flagged galaxies with the votes that say so."""
    before = key_of(request, "before")
    context = {
        "workflow": workflow,
        "tab": "flagged",
        "n_flags": queries.n_flags(workflow),
        "page": queries.flagged(workflow, before=before),
        "key": before,
        "passed_over": passing.passed_over(workflow) if before is None else [],
    }
    return render(request, "dashboard/flagged.html", context)


@require_safe
@owner_page
def history(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show who changed what, from which value to which."""
    before = key_of(request, "before")
    page = queries.history(workflow, before=before)
    context = {"workflow": workflow, "tab": "history", "page": page, "key": before}
    return render(request, "dashboard/history.html", context)
