"""Owners' pages of files from other projects."""

import csv
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.accounts.access import owners_only
from webapp.accounts.models import User
from webapp.common.cells import as_text
from webapp.common.errors import DomainError
from webapp.imports import running, services
from webapp.imports.forms import ImportForm
from webapp.imports.models import ImportBatch
from webapp.subjects import uploads

PAGE = "imports/import.html"
PER_PAGE = 25
SHOWN_PROBLEMS = 20
SHOWN_VERSIONS = 200
View = Callable[..., HttpResponseBase]


def _own(request: HttpRequest) -> Any:
    """Return the files that this person brought; all for an administrator."""
    user = cast("User", request.user)
    rows = ImportBatch.objects.select_related("workflow", "subject_set").order_by("-pk")
    return rows if user.is_superuser else rows.filter(requested_by=user)


def _own_import(view: View) -> View:
    @wraps(view)
    def wrapped(request: HttpRequest, pk: int, **rest: Any) -> HttpResponse:
        batch = _own(request).filter(pk=pk).first()
        if batch is None:
            raise Http404
        return cast("HttpResponse", view(request, batch, **rest))

    return owners_only(wrapped)


@require_safe
@owners_only
def imports(request: HttpRequest) -> HttpResponse:
    """List the files that this person brought."""
    page = Paginator(_own(request), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "imports/imports.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@owners_only
def bring(request: HttpRequest) -> HttpResponse:
    """Take a file, and let it be read."""
    user = cast("User", request.user)
    form = ImportForm(request.POST or None, request.FILES or None, user=user)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "imports/bring.html", {"form": form}, status=status)
    sent = dict(form.cleaned_data)
    file = sent.pop("file")
    suffix = "json" if str(file.name).lower().endswith(".json") else "csv"
    path = None
    try:
        path = uploads.keep(file, suffix, running.FOLDER)
        batch = services.start_import(source=path, source_name=str(file.name), by=user, **sent)
    except DomainError as error:
        if path is not None:
            path.unlink(missing_ok=True)
        form.add_error(None, str(error))
        return render(request, "imports/bring.html", {"form": form}, status=422)
    return redirect("imports:import", batch.pk)


@require_safe
@_own_import
def show(request: HttpRequest, batch: ImportBatch) -> HttpResponse:
    """Show how far a file is, and the first rows that were refused."""
    return render(request, PAGE, _context(batch))


@require_safe
@vary_on_headers("HX-Request")
@_own_import
def part(request: HttpRequest, batch: ImportBatch) -> HttpResponse:
    """Answer what changes; opened by hand, go to the page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("imports:import", batch.pk)
    return render(request, f"{PAGE}#state", _context(batch))


def _context(batch: ImportBatch) -> dict[str, Any]:
    problems = batch.problems.order_by("row_number")[:SHOWN_PROBLEMS]
    versions = batch.versions.select_related("tree").order_by("pk")[:SHOWN_VERSIONS]
    return {"batch": batch, "problems": problems, "versions": versions}


@require_safe
@_own_import
def tree(request: HttpRequest, batch: ImportBatch, version: int) -> HttpResponse:  # noqa: ARG001
    """Answer the tree of a version as the file that a new campaign takes."""
    found = batch.versions.select_related("tree").filter(pk=version).first()
    if found is None:
        raise Http404
    response = HttpResponse(found.tree.document, content_type="application/json")
    name = f"{found.tree.key}-{slugify(found.version.replace('.', '-'))}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@_own_import
def cancel(request: HttpRequest, batch: ImportBatch) -> HttpResponse:
    """Stop reading a file."""
    try:
        services.cancel_import(batch=batch, by=cast("User", request.user))
    except DomainError as error:
        messages.info(request, str(error))
    else:
        messages.success(request, _("It is being stopped."))
    return redirect("imports:import", batch.pk)


class _Echo:
    """What a CSV writer writes to, to get each line back."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


@require_safe
@_own_import
def refused(request: HttpRequest, batch: ImportBatch) -> HttpResponseBase:  # noqa: ARG001
    """Answer every refused row with its reason, as CSV."""
    response = StreamingHttpResponse(_lines(batch), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="refused-{batch.pk}.csv"'
    return response


def _lines(batch: ImportBatch) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["row", "id", "reason"])
    rows = batch.problems.order_by("row_number").values_list("row_number", "name", "reason")
    for number, name, reason in rows.iterator(chunk_size=2000):
        yield writer.writerow([number, as_text(name), as_text(reason)])
