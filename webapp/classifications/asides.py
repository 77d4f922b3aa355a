"""Views beside the answering itself: skip, report, change the last answer, what the crowd says."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from webapp.accounts.identity import identity_of
from webapp.classifications import crowd, passing, replacing, services
from webapp.classifications.access import go_to, workflow_of
from webapp.classifications.sessions import session_of
from webapp.classifications.shown import Shown
from webapp.classifications.task import Task
from webapp.classifications.walks import complete_walk
from webapp.common.errors import DomainError
from webapp.workflows.models import Status

CLASSIFY = "classifications/classify.html"


@require_POST
def skip(request: HttpRequest, slug: str) -> HttpResponse:
    """Store no vote, and show another galaxy."""
    return _pass(request, slug, is_report=False, said=_("Skipped: nothing was stored."))


@require_POST
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Tell the owners that something is wrong with the picture, and show another galaxy."""
    said = _("Reported: the campaign's owners see it. No answer was stored.")
    return _pass(request, slug, is_report=True, said=said)


def _pass(request: HttpRequest, slug: str, *, is_report: bool, said: str) -> HttpResponse:
    workflow, identity = workflow_of(request, slug), identity_of(request)
    try:
        shown = Shown.read(request.POST.get("shown", ""))
        passing.pass_over(identity=identity, shown=shown, is_report=is_report)
    except DomainError as error:
        return _refused(request, slug, error)
    handed = services.hand_out(identity=identity, workflow=workflow)
    if handed is None or workflow.status == Status.PAUSED:
        start = reverse("classifications:classify", args=[slug])
        return go_to(start) if request.htmx else redirect(start)  # type: ignore[attr-defined]
    task = Task(
        handed[0], workflow.tree.tree.walk([]), handed[1], said=said,
        session=session_of(identity, handed[0]),
    )  # fmt: skip
    return _shown(request, task)


@require_POST
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Open the last answer again, with all that was said."""
    workflow_of(request, slug)
    identity = identity_of(request)
    try:
        handout, row = replacing.reopen(
            identity=identity,
            classification=_uuid(request, "classification") or uuid.UUID(int=0),
            instead=_uuid(request, "instead"),
        )
    except DomainError as error:
        return _refused(request, slug, error)
    task = Task(
        handout,
        complete_walk(handout.tree.tree, row.path),
        session=session_of(identity, handout),
        said=_("Your last answer is open again. Go back to what you want to change."),
    )
    return _shown(request, task)


def _uuid(request: HttpRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get(name, ""))
    except ValueError:
        return None


@require_POST
def tell(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what people have said of the galaxy that was just answered."""
    workflow = workflow_of(request, slug)
    known = _uuid(request, "classification") or uuid.UUID(int=0)
    try:
        said = crowd.tell_crowd(identity=identity_of(request), classification=known)
    except DomainError as error:
        return _refused(request, slug, error)
    part = "#crowd" if request.htmx else ""  # type: ignore[attr-defined]
    context = {"said": said, "workflow": workflow}
    return render(request, f"classifications/crowd.html{part}", context)


def _shown(request: HttpRequest, task: Task) -> HttpResponse:
    """Answer with a galaxy: as a part for htmx, as an address without JavaScript."""
    if not request.htmx:  # type: ignore[attr-defined]
        messages.info(request, task.said)
        return redirect(task.page)
    response = render(request, f"{CLASSIFY}#task", {"task": task})
    response.headers["HX-Push-Url"] = task.page
    return response


def _refused(request: HttpRequest, slug: str, error: DomainError) -> HttpResponse:
    """Say in one sentence why nothing was done; the page stays as it is."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
    messages.error(request, str(error))
    return redirect("classifications:classify", slug)
