"""Trying a campaign: the pages of a classification that store nothing, not even who looks."""

import random

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from inference.errors import PathRefused
from inference.formats.tree import Walk
from webapp.classifications.access import workflow_of
from webapp.classifications.models import Handout
from webapp.classifications.task import Demo
from webapp.classifications.walks import read_dropped, read_walk, restore
from webapp.consensus.models import Consensus, RetiredReason, Stream
from webapp.subjects.models import Subject

CLASSIFY = "classifications/classify.html"
HIDDEN = (RetiredReason.WITHDRAWN, RetiredReason.UNSEEN)


@require_safe
@never_cache
def demo(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to any galaxy of the campaign."""
    workflow = workflow_of(request, slug)
    rows = Consensus.objects.filter(workflow=workflow).exclude(retired_reason__in=HIDDEN)
    rows = rows.order_by("subject_id")
    first, last = rows.first(), rows.last()
    if first is None or last is None:
        context = {
            "heading": _("No galaxies yet"),
            "words": _("They appear here once the campaign's owners have added a set."),
            "url": reverse("classifications:home"),
            "label": _("See the campaigns"),
            "icon": "spiral",
        }
        return render(request, "classifications/notice.html", context)
    start = random.randint(first.subject_id, last.subject_id)  # noqa: S311 - no secret
    found = rows.filter(subject_id__gte=start).first() or first
    return redirect("classifications:demo_galaxy", slug, found.subject_id)


@require_safe
@never_cache
def galaxy(request: HttpRequest, slug: str, subject_id: int) -> HttpResponse:
    """Show a galaxy and the question that waits; the address carries the answers so far."""
    task, status = _task(request, slug, subject_id)
    if "next" in request.GET and status == 200:
        return redirect(task.page)
    return render(request, CLASSIFY, {"task": task}, status=status)


@require_safe
@never_cache
@vary_on_headers("HX-Request")
def question(request: HttpRequest, slug: str, subject_id: int) -> HttpResponse:
    """Answer the question part; opened by hand, go to its page."""
    if not request.htmx:  # type: ignore[attr-defined]
        page = reverse("classifications:demo_galaxy", args=[slug, subject_id])
        return redirect(f"{page}?{request.GET.urlencode()}")
    task, status = _task(request, slug, subject_id)
    context = {"task": task, "is_part": True}
    response = render(request, f"{CLASSIFY}#question", context, status=status)
    if status == 200:
        response.headers["HX-Push-Url"] = task.page
    return response


def _task(request: HttpRequest, slug: str, subject_id: int) -> tuple[Demo, int]:
    """Return what the page shows, and its status."""
    workflow = workflow_of(request, slug)
    asked = Consensus.objects.filter(workflow=workflow, subject=subject_id)
    if not asked.exclude(retired_reason__in=HIDDEN).exists():
        raise Http404
    handout = Handout(
        workflow=workflow,
        subject=get_object_or_404(Subject, pk=subject_id),
        tree=workflow.tree,
        stream=Stream.RANDOM,
    )
    tree = workflow.tree.tree
    dropped = read_dropped(tree, request.GET.get("dropped", ""))
    try:
        walk = _walk(request, handout, dropped)
    except PathRefused as error:
        return Demo(handout, tree.walk([]), error=str(error)), 422
    return Demo(handout, walk, dropped=dropped), 200


def _walk(request: HttpRequest, handout: Handout, dropped: tuple[Walk, ...]) -> Walk:
    chosen = request.GET.getlist("choice") if "next" in request.GET else None
    walk = read_walk(handout.tree.tree, request.GET.get("answers", ""), chosen)
    return walk if chosen is None else restore(dropped, walk)
