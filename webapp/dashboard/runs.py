"""The trainings of a campaign: the list, one while it goes on, its comparison, and the plan."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.common.errors import DomainError
from webapp.dashboard import judged, run_state
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.networks import LARGEST_PK
from webapp.dashboard.views import PER_PAGE, page_or_form, sent_to, status_of
from webapp.registry import queries as registry
from webapp.registry.forms import MAX_REASON, ReasonForm
from webapp.retraining import queries, services, watching
from webapp.retraining.drift import report_of
from webapp.retraining.forms import PlanForm
from webapp.retraining.models import TrainingRun
from webapp.workflows.models import Workflow

RUNS, RUN = "dashboard/runs.html", "dashboard/run.html"


@require_safe
@owner_page
def runs(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """List the runs, with the button that begins another or the reason why none can begin."""
    return _runs_page(request, workflow)


def _runs_page(request: HttpRequest, workflow: Workflow, error: str = "") -> HttpResponse:
    plan, open_run = queries.plan_of(workflow), queries.open_run(workflow)
    context = {
        "workflow": workflow,
        "tab": "training",
        "error": error,
        "plan": plan,
        "open_run": open_run,
        "drift": report_of(workflow),
        "refusal": "" if open_run else queries.refusal(workflow, plan),
        "page": Paginator(queries.runs_of(workflow), PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, RUNS, context, status=422 if error else 200)


@require_POST
@owner_page
def retrain(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Begin a run, or show the one that is open."""
    try:
        run = services.start_run(workflow=workflow, by=user_of(request))
    except DomainError as refusal:
        return _runs_page(request, workflow, error=str(refusal))
    return redirect("dashboard:run", workflow.slug, run.pk)


def _run(workflow: Workflow, pk: int) -> TrainingRun:
    rows = TrainingRun.objects.filter(workflow=workflow).select_related(
        "requested_by", "model", "parent", "comparison__champion"
    )
    found = rows.filter(pk=pk).first() if pk <= LARGEST_PK else None
    if found is None:
        raise Http404
    return found


@require_safe
@never_cache
@owner_page
def run(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Show a run: how far it is, its curves, what it learns from, and how it was judged."""
    return render(request, RUN, _run_context(workflow, _run(workflow, pk)))


def _run_context(workflow: Workflow, found: TrainingRun) -> dict[str, Any]:
    return {
        "workflow": workflow,
        "tab": "training",
        "run": found,
        "state": run_state.words(found),
        "left": run_state.time_left(watching.seconds_left(found)),
        "silent": watching.is_silent(found),
        "loss": run_state.loss(found),
        "rate": run_state.rate(found),
        "every_s": int(settings.RUNS_WATCHED_EVERY_S),
    }


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@owner_page
def run_live(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Answer the part that shows how far a run is; opened by hand, go to its page.

    At the end the whole page is loaded once, since there is a model and a comparison to see.
    """
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("dashboard:run", workflow.slug, pk)
    found = _run(workflow, pk)
    response = render(request, f"{RUN}#live", _run_context(workflow, found))
    if not found.is_open:
        response.headers["HX-Refresh"] = "true"
    return response


@require_POST
@owner_page
def cancel_run(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Ask a run to stop."""
    try:
        services.cancel_run(run=_run(workflow, pk), by=user_of(request))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The run is being stopped."))
    return redirect("dashboard:run", workflow.slug, pk)


@require_safe
@owner_page
def comparison(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Show a run's model beside the one that was in use, question by question."""
    found = _run(workflow, pk)
    if not hasattr(found, "comparison") or found.model is None:
        raise Http404
    pointer = registry.active(workflow)
    context = {
        "workflow": workflow,
        "tab": "training",
        "run": found,
        "comparison": found.comparison,
        "whole": judged.whole(found.comparison.figures),
        "rows": judged.rows(found.comparison.figures, found.tree.tree),
        "is_active": pointer is not None and pointer.model_id == found.model.pk,
        "misfit": registry.misfit(found.model, workflow),
        "form": ReasonForm(initial={"why": found.comparison.words[:MAX_REASON]}),
    }
    return render(request, "dashboard/comparison.html", context)


@page_or_form
@owner_page
def plan(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Change when the network is trained again, and who promotes it."""
    initial = PlanForm.initial_of(queries.plan_of(workflow))
    form = PlanForm(sent_to(request)[0], initial=initial)
    if form.is_bound and form.is_valid():
        try:
            services.change_plan(workflow=workflow, by=user_of(request), **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("dashboard:runs", workflow.slug)
    context = {"workflow": workflow, "tab": "training", "form": form}
    return render(request, "dashboard/plan.html", context, status=status_of(form))
