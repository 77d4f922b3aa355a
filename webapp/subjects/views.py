"""The owners' pages: sets of galaxies, and what comes into them."""

import csv
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.accounts.models import User
from webapp.common.cells import as_text
from webapp.common.errors import DomainError
from webapp.subjects import queries, services, uploads
from webapp.subjects.forms import SetForm, UploadForm
from webapp.subjects.models import IngestBatch, SubjectSet

BATCH = "subjects/batch.html"
PER_PAGE = 50
N_SHOWN = 24
# Two files, and the other fields of their form.
FORM_BYTES = 1_000_000

View = Callable[..., HttpResponseBase]


def owners_only(view: View) -> View:
    """Let in those who may own campaigns; for others there is no such page."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if not request.user.may_own_workflows:
            raise Http404
        return view(request, *args, **kwargs)

    return wrapper


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask for a sign-in; htmx is told to leave the page, which it then comes back to."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect_to_login(request.get_full_path())
    page = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    response = HttpResponse(status=204)
    response.headers["HX-Redirect"] = redirect_to_login(page, resolve_url(settings.LOGIN_URL)).url
    return response


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _set(request: HttpRequest, slug: str) -> SubjectSet:
    return get_object_or_404(SubjectSet.objects.owned_by(_user(request)), slug=slug)


def _batch(request: HttpRequest, slug: str, pk: int) -> IngestBatch:
    return get_object_or_404(_set(request, slug).batches.select_related("requested_by"), pk=pk)


@require_safe
@owners_only
def sets(request: HttpRequest) -> HttpResponse:
    """List the sets that this person owns; an administrator sees all."""
    page = Paginator(queries.sets_of(_user(request)), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "subjects/sets.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@owners_only
def new_set(request: HttpRequest) -> HttpResponse:
    """Make an empty set."""
    form = SetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.create_set(owner=_user(request), **form.cleaned_data)
        return redirect("subjects:upload", made.slug)
    return render(request, "subjects/new_set.html", {"form": form}, status=_status(form))


def _status(form: "SetForm | UploadForm") -> int:
    return 422 if form.is_bound else 200


@require_safe
@owners_only
def subject_set(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a set: what is in it, and what came in when."""
    found = _set(request, slug)
    batches = Paginator(queries.batches_of(found), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "subject_set": found,
        "n_subjects": found.subjects.count(),
        "newest": queries.newest_subjects(found, limit=N_SHOWN),
        "page": batches,
    }
    return render(request, "subjects/set.html", context)


@csrf_exempt  # the token lies behind the files in the body: who may not upload is refused first
@require_http_methods(["GET", "HEAD", "POST"])
@owners_only
def upload(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Take pictures in a ZIP file, and a manifest."""
    found = _set(request, slug)
    n_bytes = int(request.META.get("CONTENT_LENGTH") or 0)
    if n_bytes > 2 * settings.MAX_UPLOAD_BYTES + FORM_BYTES:
        form = UploadForm()
        refusal = (
            f"The upload has {n_bytes:,} bytes, and each file may have "
            f"{settings.MAX_UPLOAD_BYTES:,}: split it, or use manage.py ingest_subjects."
        )
        context = {"subject_set": found, "form": form, "refusal": refusal}
        return render(request, "subjects/upload.html", context, status=413)
    return _upload(request, found)


@csrf_protect
def _upload(request: HttpRequest, found: SubjectSet) -> HttpResponseBase:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    context = {"subject_set": found, "form": form}
    if not form.is_bound or not form.is_valid():
        return render(request, "subjects/upload.html", context, status=_status(form))
    try:
        batch = services.start_upload(subject_set=found, actor=_user(request), **form.cleaned_data)
    except uploads.NotKept as error:
        context["refusal"] = str(error)
        return render(request, "subjects/upload.html", context, status=503)
    return redirect("subjects:batch", found.slug, batch.pk)


@require_safe
@never_cache
@owners_only
def batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show how far an ingest is, and its bad rows."""
    return _batch_page(request, _batch(request, slug, pk))


def _batch_page(
    request: HttpRequest, found: IngestBatch, *, error: DomainError | None = None
) -> HttpResponse:
    problems = Paginator(found.problems.order_by("row_number"), PER_PAGE)
    context = {
        "batch": found,
        "subject_set": found.subject_set,
        "page": problems.get_page(request.GET.get("page")),
        "error": error,
    }
    return render(request, BATCH, context, status=422 if error else 200)


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@owners_only
def batch_progress(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Answer the part that shows the progress; opened by hand, go to its page.

    At the end the whole page is loaded once, since its bad rows and buttons have changed.
    """
    found = _batch(request, slug, pk)
    page = reverse("subjects:batch", args=[slug, pk])
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(page)
    response = render(
        request, f"{BATCH}#progress", {"batch": found, "subject_set": found.subject_set}
    )
    if not found.is_open:
        response.headers["HX-Refresh"] = "true"
    return response


@require_safe
@owners_only
def problems_csv(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """Download all bad rows as CSV, its texts safe for spreadsheets."""
    found = _batch(request, slug, pk)
    response = StreamingHttpResponse(_problem_lines(found), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="bad-rows-{found.pk}.csv"'
    return response


class _Line:
    """A file of one line at a time, as csv.writer wants one."""

    def write(self, text: str) -> str:
        return text


def _problem_lines(found: IngestBatch) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(["row", "name", "reason"])
    rows = found.problems.order_by("row_number").values_list("row_number", "name", "reason")
    for number, name, reason in rows.iterator(chunk_size=1000):
        yield writer.writerow([number, as_text(name), as_text(reason)])


@require_POST
@owners_only
def import_batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Store what the check has found good."""
    found = _batch(request, slug, pk)
    keeps_good_rows = request.POST.get("keeps_good_rows") == "yes"
    return _act(
        request,
        found,
        lambda: services.import_checked(
            batch=found, keeps_good_rows=keeps_good_rows, actor=_user(request)
        ),
    )


@require_POST
@owners_only
def cancel_batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Stop an ingest."""
    found = _batch(request, slug, pk)
    return _act(request, found, lambda: services.cancel_batch(batch=found, actor=_user(request)))


@require_POST
@owners_only
def retry_batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Let a failed ingest go on."""
    found = _batch(request, slug, pk)
    return _act(request, found, lambda: services.retry_batch(batch=found, actor=_user(request)))


def _act(request: HttpRequest, found: IngestBatch, change: Callable[[], object]) -> HttpResponse:
    try:
        change()
    except DomainError as error:
        found.refresh_from_db()
        return _batch_page(request, found, error=error)
    messages.success(request, _("Done: the page shows how far it is."))
    return redirect("subjects:batch", found.subject_set.slug, found.pk)
