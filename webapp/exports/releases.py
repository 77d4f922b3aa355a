"""Pages of releases: public, for ever at their addresses."""

from pathlib import PurePosixPath
from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.common.errors import DomainError
from webapp.exports import citation, publishing, queries, services
from webapp.exports.access import owners_page, public_page, release_page, user_of
from webapp.exports.forms import ReleaseForm, WithdrawForm
from webapp.exports.models import Release
from webapp.exports.origin import software_citation
from webapp.exports.pace import seconds_left
from webapp.workflows.models import Workflow

PAGE = "exports/release.html"
PER_PAGE = 50
# What is not listed is a file of bytes.
TYPES = {
    ".fits": "application/fits", ".vot": "application/x-votable+xml", ".csv": "text/csv",
    ".ecsv": "text/x-ecsv", ".json": "application/json", ".md": "text/markdown",
    ".txt": "text/plain", ".py": "text/x-python", ".cff": "application/yaml",
    ".bib": "application/x-bibtex", "": "text/plain",
}  # fmt: skip


@require_safe
def all_releases(request: HttpRequest) -> HttpResponse:
    """List the releases of all campaigns."""
    page = Paginator(queries.published(), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "software": software_citation()}
    return render(request, "exports/releases.html", context)


@require_safe
@public_page
def releases(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """List the releases of a campaign."""
    page = Paginator(queries.releases_of(workflow, request.user), PER_PAGE)
    context = {
        "workflow": workflow,
        "page": page.get_page(request.GET.get("page")),
        "is_owner": queries.owns(workflow, request.user),
    }
    return render(request, "exports/releases.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@owners_page
def make(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Make a campaign's next release."""
    if request.method != "POST":
        form = ReleaseForm(initial={"title": workflow.name, "description": workflow.summary})
        return render(request, "exports/make.html", {"workflow": workflow, "form": form})
    form = ReleaseForm(request.POST)
    if form.is_valid():
        sent = form.cleaned_data | {"authors": form.cleaned_data["authors"].splitlines()}
        try:
            release = services.make_release(
                workflow=workflow, by=user_of(request), address=_address(request, workflow), **sent
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect("exports:release", workflow.slug, release.number)
    context = {"workflow": workflow, "form": form}
    return render(request, "exports/make.html", context, status=422)


def _address(request: HttpRequest, workflow: Workflow) -> str:
    """Return the address of the next release's page, with {number} in place of its number."""
    place = reverse("exports:release", args=[workflow.slug, 0])
    return request.build_absolute_uri(place.replace("/0/", "/{number}/")).replace(
        "%7Bnumber%7D", "{number}"
    )


@require_safe
@release_page
def release(request: HttpRequest, release: Release) -> HttpResponse:
    """Show a release: its files and how to cite it, or why it is withdrawn."""
    status = 410 if release.withdrawn_at else 200
    return render(request, PAGE, _context(request, release), status=status)


@require_safe
@vary_on_headers("HX-Request")
@release_page
def release_part(request: HttpRequest, release: Release) -> HttpResponse:
    """Answer what changes; opened by hand, go to the page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("exports:release", release.workflow.slug, release.number)
    return render(request, f"{PAGE}#state", _context(request, release))


def _context(request: HttpRequest, release: Release) -> dict[str, object]:
    return {
        "release": release,
        "workflow": release.workflow,
        "is_owner": queries.owns(release.workflow, request.user),
        "seconds_left": seconds_left(release),
        "citation": citation.of_release(release),
        "license": citation.LICENSES[release.license],
    }


@require_safe
@release_page
def release_file(_request: HttpRequest, release: Release, name: str) -> HttpResponse:
    """Answer a file of a release."""
    try:
        file = publishing.file_in(release, name) if release.is_published else None
    except OSError:
        raise Http404 from None
    if file is None:
        raise Http404
    path = PurePosixPath(name)
    kind = TYPES.get(path.suffix, "application/octet-stream")
    response = FileResponse(file, as_attachment=True, filename=path.name, content_type=kind)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return cast("HttpResponse", response)  # a stream is one for everything that wraps a view


@require_http_methods(["GET", "HEAD", "POST"])
@owners_page
def withdraw(request: HttpRequest, workflow: Workflow, number: int) -> HttpResponse:
    """Withdraw a release, with the reason that its page then shows."""
    found = Release.objects.filter(workflow=workflow, number=number).first()
    if found is None:
        raise Http404
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            services.withdraw_release(
                release=found, by=user_of(request), reason=form.cleaned_data["reason"]
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Withdrawn. The page stays, and says why."))
            return redirect("exports:release", workflow.slug, number)
    context = {"workflow": workflow, "release": found, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "exports/withdraw.html", context, status=status)
