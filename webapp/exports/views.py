"""Pages of files that a person has asked for."""

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.accounts.access import owners_only
from webapp.common import shared
from webapp.common.errors import DomainError
from webapp.exports import debias, queries, services, snapshot
from webapp.exports.access import own_export, scientists_page, user_of
from webapp.exports.columns import catalog_columns
from webapp.exports.forms import ExportForm
from webapp.exports.models import Export
from webapp.exports.pace import seconds_left
from webapp.exports.selection import NotAFilter, Selection
from webapp.exports.writers import FORMATS
from webapp.workflows.models import Workflow

PAGE = "exports/export.html"
PER_PAGE = 25


@require_safe
@owners_only
def exports(request: HttpRequest) -> HttpResponse:
    """List the files that this person has asked for, and the campaigns to ask for more."""
    own = Workflow.objects.owned_by(user_of(request))
    campaigns = (Workflow.objects.public() | own).distinct().order_by("name")
    page = Paginator(queries.exports_of(user_of(request)), PER_PAGE)
    context = {"page": page.get_page(request.GET.get("page")), "campaigns": campaigns}
    return render(request, "exports/exports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@scientists_page
def ask(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Ask for a file of a campaign, of the galaxies that the filters in the address choose."""
    if request.method != "POST":
        # The filters are those of the catalog page that led here.
        initial = {"query": request.GET.urlencode(), "is_debiased": workflow.is_debiased}
        form = ExportForm(initial=initial)
        return _ask_page(request, workflow, form)
    form = ExportForm({"table": "catalog", **request.POST.dict()})
    if not form.is_valid():
        return _ask_page(request, workflow, form, status=422)
    sent = dict(form.cleaned_data)
    sent["is_formula_safe"] = not sent.pop("allows_formulas")
    try:
        export = services.request_export(workflow=workflow, asked_by=user_of(request), **sent)
    except DomainError as error:
        form.add_error(None, str(error))
        return _ask_page(request, workflow, form, status=422)
    return redirect("exports:export", export.pk)


def _ask_page(
    request: HttpRequest, workflow: Workflow, form: ExportForm, status: int = 200
) -> HttpResponse:
    kinds = snapshot.metadata_kinds(workflow)
    if debias.inputs(kinds) is None:
        del form.fields["is_debiased"]
    context = {"workflow": workflow, "form": form, "words": _words(workflow, form, kinds)}
    return render(request, "exports/ask.html", context, status=status)


def _words(workflow: Workflow, form: ExportForm, kinds: Any) -> list[str]:
    """Return what the filters say, in words; none where they are none."""
    try:
        is_debiased = workflow.is_debiased and debias.inputs(kinds) is not None
        columns = catalog_columns(workflow.tree.tree, kinds, debiased=is_debiased)
        return Selection.parse(form["query"].value() or "", columns).words
    except NotAFilter:
        return []


@require_safe
@own_export
def export(request: HttpRequest, export: Export) -> HttpResponse:
    """Show how far a file is, or what it holds and its link."""
    return render(request, PAGE, _context(export))


@require_safe
@vary_on_headers("HX-Request")
@own_export
def export_part(request: HttpRequest, export: Export) -> HttpResponse:
    """Answer what changes; opened by hand, go to the page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("exports:export", export.pk)
    return render(request, f"{PAGE}#state", _context(export))


def _context(export: Export) -> dict[str, Any]:
    kinds = snapshot.metadata_kinds(export.workflow)
    columns = catalog_columns(export.workflow.tree.tree, kinds, debiased=export.is_debiased)
    kept, _gone = Selection.sort_out(export.query, columns)
    return {"export": export, "words": kept.words, "seconds_left": seconds_left(export)}


@require_POST
@own_export
def cancel(request: HttpRequest, export: Export) -> HttpResponse:
    """Stop making a file."""
    try:
        services.cancel_export(export=export, by=user_of(request))
    except DomainError as error:
        messages.info(request, str(error))
    else:
        messages.success(request, _("It is being stopped."))
    return redirect("exports:export", export.pk)


@require_safe
@own_export
def download(_request: HttpRequest, export: Export) -> HttpResponse:
    """Answer the file."""
    return file_response(export)


def file_response(export: Export) -> HttpResponse:
    """Return a finished file as a download.

    Raises:
        Http404: it is not ready, or not kept any more.
    """
    if not export.has_file:
        raise Http404
    try:
        file = shared.opened("exports", export.path.name, export.path)
    except OSError:
        raise Http404 from None
    response = FileResponse(
        file,
        as_attachment=True,
        filename=export.file_name,
        content_type=FORMATS[export.format].media_type,
    )
    return cast("HttpResponse", response)  # a stream is one for everything that wraps a view
