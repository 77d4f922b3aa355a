"""What an owner does about volunteers: look at those that were raised, exclude, keep, weigh."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.classifications import exclusion, reweigh
from webapp.classifications.models import Suspicion
from webapp.dashboard import suspects
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.forms import ReasonForm
from webapp.dashboard.lists import key_of
from webapp.dashboard.views import confirm, page_or_form, sent_to
from webapp.workflows.models import Workflow

PEOPLE = "dashboard/people.html"
Status = Suspicion.Status


@require_safe
@owner_page
def people(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show who should be looked at, or who was excluded or kept."""
    status = request.GET.get("status", Status.OPEN)
    if status not in Status.values:
        raise Http404
    before = key_of(request, "before")
    context = {
        "workflow": workflow,
        "tab": "people",
        "status": status,
        "counts": suspects.counts(workflow),
        "page": suspects.people(workflow, status=status, before=before),
        "key": before,
        "page_query": f"status={status}&",
        "weighing": suspects.last_reweighing(workflow),
    }
    return render(request, PEOPLE, context)


@page_or_form
@owner_page
def exclude(request: HttpRequest, workflow: Workflow, suspicion_id: int) -> HttpResponse:
    """Ask why, then let a volunteer's answers count no more."""
    return _decide(
        request,
        workflow,
        suspicion_id,
        exclusion.exclude_volunteer,
        heading=_("Exclude %(name)s?"),
        words=_(
            "Their answers, those to come too, count no more: galaxies that fall under their rule "
            "are shown again. The answers are kept, and “Keep” lets them count again."
        ),
        label=_("Exclude"),
        said=_("%(name)s is excluded. The answers are being taken out of the tallies."),
    )


@page_or_form
@owner_page
def keep(request: HttpRequest, workflow: Workflow, suspicion_id: int) -> HttpResponse:
    """Ask why, then let a volunteer's answers count, those that were excluded too."""
    return _decide(
        request,
        workflow,
        suspicion_id,
        exclusion.keep_volunteer,
        heading=_("Keep %(name)s?"),
        words=_(
            "All their answers count, by their weight. They are not put on the list again; here "
            "under “kept” they can still be excluded."
        ),
        label=_("Keep"),
        said=_("%(name)s is kept, and all their answers count."),
    )


def _decide(
    request: HttpRequest,
    workflow: Workflow,
    suspicion_id: int,
    service: Callable[..., object],
    *,
    heading: str,
    words: str,
    label: str,
    said: str,
) -> HttpResponse:
    rows = Suspicion.objects.filter(workflow=workflow).select_related("volunteer__user")
    found = get_object_or_404(rows, pk=suspicion_id)
    name = {"name": suspects.name_of(found.volunteer)}
    form = ReasonForm(*sent_to(request))
    if not form.is_valid():  # a page that was only opened has sent nothing
        return confirm(
            request, workflow, heading=heading % name, words=words, label=label, back="people",
            form=form,
        )  # fmt: skip
    service(
        workflow=workflow, volunteer=found.volunteer, by=user_of(request),
        reason=form.cleaned_data["reason"],
    )  # fmt: skip
    messages.success(request, said % name)
    return redirect("dashboard:people", workflow.slug)


@require_POST
@owner_page
def weigh(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Ask for the campaign to be weighed anew."""
    reweigh.start_reweighing(workflow=workflow, by=user_of(request))
    messages.success(request, _("Everybody is being weighed anew; this page shows how far it is."))
    return redirect("dashboard:people", workflow.slug)


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@owner_page
def weighing(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Answer the part that shows the last re-weighing; opened by hand, go to its page.

    At the end the whole page is loaded once, since weights and suspicions have changed.
    """
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("dashboard:people", workflow.slug)
    found = suspects.last_reweighing(workflow)
    response = render(request, f"{PEOPLE}#weighing", {"workflow": workflow, "weighing": found})
    if found and not found.is_open:
        response.headers["HX-Refresh"] = "true"
    return response
