"""The pages on which somebody finds what they did: the wall, one galaxy, figures, the data."""

import uuid
from typing import cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import signed_in
from webapp.accounts.identity import Identity, known_identity
from webapp.accounts.models import User
from webapp.classifications import favorites, feedback, history, queries
from webapp.classifications.forms import WallForm
from webapp.classifications.models import Classification
from webapp.classifications.task import Answered
from webapp.common.views import safe_next
from webapp.subjects.models import Subject

PER_PAGE = 60


@require_safe
@never_cache
def my_galaxies(request: HttpRequest) -> HttpResponse:
    """Show what this person has classified, newest first."""
    known = known_identity(request)
    own = _own(known)
    form = WallForm(request.GET or None, own=own)
    page = Paginator(form.filtered(own), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page,
        "form": form,
        "has_any": page.paginator.count or own.exists(),
        "wall": [Answered(row) for row in page],
        "query": f"{query.urlencode()}&" if query else "",
        "agreements": feedback.agreements(known) if known and page.number == 1 else [],
    }
    return render(request, "classifications/my_galaxies.html", context)


def _own(known: Identity | None) -> QuerySet[Classification]:
    if known is None:
        return favorites.with_favorites(Classification.objects.none(), None)
    rows = queries.classifications_of(known).filter(superseded_by__isnull=True)
    return favorites.with_favorites(rows, known.user)


@require_safe
@never_cache
def my_galaxy(request: HttpRequest, classification: uuid.UUID) -> HttpResponse:
    """Show one galaxy again, with every question and what this person said."""
    row = get_object_or_404(_own(known_identity(request)), uuid=classification)
    return render(request, "classifications/my_galaxy.html", {"galaxy": Answered(row)})


@require_safe
@never_cache
def my_statistics(request: HttpRequest) -> HttpResponse:
    """Show how many galaxies, in how much time, by day, week or month and by campaign."""
    known = known_identity(request)
    chosen = request.GET.get("by", "")
    by = history.By(chosen) if chosen in list(history.By) else history.By.WEEK
    lines = history.lines(known, by) if known else []
    context = {
        "by": by,
        "total": history.total(known) if known else None,
        "page": Paginator(lines, PER_PAGE).get_page(request.GET.get("page")),
        "most": max((line.figures.n_galaxies for line in lines), default=0),
        "query": f"by={by}&",
        "pause_s": history.PAUSE_S,
    }
    return render(request, "classifications/my_statistics.html", context)


@require_safe
@signed_in
def certificate(request: HttpRequest) -> HttpResponse:
    """Show what this person has done as a sheet to print."""
    known = cast("Identity", known_identity(request))
    span = history.span(known)
    if span is None:
        raise Http404
    context = {
        "total": history.total(known),
        "first": span[0],
        "last": span[1],
        "pause_s": history.PAUSE_S,
    }
    return render(request, "classifications/certificate.html", context)


@require_safe
@never_cache
def my_data(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Download this person's own answers as CSV."""
    known = known_identity(request)
    if known is None:
        return redirect("classifications:my_galaxies")
    response = StreamingHttpResponse(
        history.csv_lines(known), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="my-galaxies.csv"'
    return response


@require_POST
@signed_in
def favorite(request: HttpRequest, subject_id: int) -> HttpResponse:
    """Mark a galaxy as a favorite or no longer; the part is its button."""
    subject = get_object_or_404(Subject, pk=subject_id)
    marked = favorites.set_favorite(
        user=cast("User", request.user),
        subject=subject,
        is_favorite=request.POST.get("favorite") == "1",
    )
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(safe_next(request))
    place = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(place, allowed_hosts={request.get_host()})
    context = {"subject": subject, "is_favorite": marked, "place": place if is_ours else "/"}
    return render(request, "classifications/favorite.html", context)
