"""The campaigns of an owner: the list, a new one, and where one stands."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.accounts.access import owners_only
from webapp.classifications import services as classifications
from webapp.classifications.outlook import outlook_of
from webapp.common.errors import DomainError
from webapp.consensus.models import Progress
from webapp.dashboard import queries
from webapp.dashboard import services as dashboard
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.checklist import checklist
from webapp.predictions import queries as predictions
from webapp.predictions.services import retry_batches
from webapp.retraining.drift import report_of
from webapp.workflows import services
from webapp.workflows.forms import CampaignForm
from webapp.workflows.models import Status, Workflow

CAMPAIGN = "dashboard/campaign.html"
PER_PAGE = 50
page_or_form = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@owners_only
def campaigns(request: HttpRequest) -> HttpResponse:
    """List the campaigns that this person may change."""
    pages = Paginator(queries.own_campaigns(user_of(request)), PER_PAGE)
    context = {"page": pages.get_page(request.GET.get("page"))}
    return render(request, "dashboard/campaigns.html", context)


@page_or_form
@owners_only
def create(request: HttpRequest) -> HttpResponse:
    """Make a draft from a tree that comes with the software, or from a file."""
    form = CampaignForm(*sent_to(request))
    if form.is_bound and form.is_valid():
        try:
            workflow = _create(form.cleaned_data, request)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("A draft. Link a set of galaxies next."))
            return redirect("dashboard:campaign", workflow.slug)
    return render(request, "dashboard/create.html", {"form": form}, status=status_of(form))


def _create(sent: dict[str, Any], request: HttpRequest) -> Workflow:
    tree = services.publish_tree(document=sent["document"], by=user_of(request))
    return services.create_workflow(name=sent["name"], tree=tree, owner=user_of(request))


def sent_to(request: HttpRequest) -> tuple[Any, Any]:
    """Return the fields and the files that were sent; a GET sends none."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def status_of(form: Any) -> int:
    """Return 422 for a form that was sent and refused."""
    return 422 if form.is_bound and form.errors else 200


@require_safe
@owner_page
def campaign(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show where a campaign stands and what can be done now."""
    return _campaign_page(request, workflow)


def _campaign_page(request: HttpRequest, workflow: Workflow, error: str = "") -> HttpResponse:
    context = {
        "workflow": workflow,
        "tab": "campaign",
        "error": error,
        "rule": queries.rule_of(workflow),
        "n_flags": queries.n_flags(workflow),
        "drift": report_of(workflow),
        **_progress_context(workflow),
    }
    if workflow.status == Status.DRAFT:
        context |= {"lines": checklist(workflow), "n_test_votes": queries.n_test_votes(workflow)}
    return render(request, CAMPAIGN, context, status=422 if error else 200)


def _progress_context(workflow: Workflow) -> dict[str, Any]:
    progress = Progress.objects.filter(workflow=workflow).first()
    return {
        "workflow": workflow,
        "progress": progress,
        "outlook": outlook_of(workflow, progress),
        "pace": predictions.pace(workflow),
    }


def _part(
    request: HttpRequest, workflow: Workflow, name: str, context: dict[str, Any]
) -> HttpResponse:
    """Answer a part to htmx; opened by hand, go to its page (UX-H1)."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("dashboard:campaign", workflow.slug)
    return render(request, f"{CAMPAIGN}#{name}", {"workflow": workflow, **context})


@require_safe
@vary_on_headers("HX-Request")
@owner_page
def progress_part(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Answer the two bars as they are now."""
    return _part(request, workflow, "progress", _progress_context(workflow))


@require_POST
@owner_page
def retry_scoring(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Let workers try again what they could not score."""
    n_retried = retry_batches(workflow=workflow)
    messages.success(request, _("Tried again.") if n_retried else _("Nothing had failed."))
    return redirect("dashboard:campaign", workflow.slug)


@require_safe
@vary_on_headers("HX-Request")
@owner_page
def checklist_part(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Compute the checklist again."""
    lines = checklist(workflow) if request.htmx else []  # type: ignore[attr-defined]
    return _part(request, workflow, "checklist", {"lines": lines})


def _do(
    request: HttpRequest, workflow: Workflow, service: Callable[[], Workflow], said: str
) -> HttpResponse:
    """Call a service and show the campaign that it returns, or the page with the reason why not."""
    try:
        changed = service()
    except DomainError as error:
        return _campaign_page(request, workflow, error=str(error))
    messages.success(request, said)
    return redirect("dashboard:campaign", changed.slug)


@require_POST
@owner_page
def launch(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Let everybody vote, if every line of the checklist passes."""
    return _do(
        request,
        workflow,
        lambda: dashboard.launch_campaign(
            workflow=workflow,
            keeps_test_votes="keeps_test_votes" in request.POST,
            by=user_of(request),
        ),
        _("Launched: from now on votes count."),
    )


@require_POST
@owner_page
def pause(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Hand out no more galaxies for a while."""
    return _do(
        request,
        workflow,
        lambda: services.pause_workflow(workflow=workflow, by=user_of(request)),
        _("Paused: nobody gets a new galaxy until you resume."),
    )


@require_POST
@owner_page
def resume(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Hand out galaxies again."""
    return _do(
        request,
        workflow,
        lambda: services.resume_workflow(workflow=workflow, by=user_of(request)),
        _("Live again."),
    )


@require_POST
@owner_page
def duplicate(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Make a draft with the same tree, rule and texts."""
    return _do(
        request,
        workflow,
        lambda: services.duplicate_workflow(workflow=workflow, by=user_of(request)),
        _("A draft with the same tree, rule and texts. It has no votes and no sets."),
    )


@page_or_form
@owner_page
def finish(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Ask, then end the campaign for good."""
    if request.method == "POST":
        return _do(
            request,
            workflow,
            lambda: services.finish_workflow(workflow=workflow, by=user_of(request)),
            _("Finished. Its votes stay."),
        )
    return confirm(
        request,
        workflow,
        heading=_("Finish “%(name)s”?") % {"name": workflow.name},
        words=_(
            "Nobody's vote will count any more, and its rule, tree and sets change no more. "
            "This cannot be taken back; a duplicate can go on."
        ),
        label=_("Finish"),
    )


@page_or_form
@owner_page
def test_votes(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Ask, then clear the votes that were given before the launch."""
    if request.method == "POST":
        n_cleared = classifications.clear_test_votes(workflow=workflow, by=user_of(request))
        said = ngettext("%(count)s test vote cleared.", "%(count)s test votes cleared.", n_cleared)
        messages.success(request, said % {"count": f"{n_cleared:,}"})
        return redirect("dashboard:campaign", workflow.slug)
    n_votes = queries.n_test_votes(workflow)
    words = ngettext(
        "%(count)s vote was given before the launch. It counts nowhere; cleared, its galaxy is "
        "shown to the same person again. It stays in the log.",
        "%(count)s votes were given before the launch. They count nowhere; cleared, their "
        "galaxies are shown to the same people again. They stay in the log.",
        n_votes,
    )
    return confirm(
        request,
        workflow,
        heading=_("Clear the test votes?"),
        words=words % {"count": f"{n_votes:,}"},
        label=_("Clear the test votes"),
    )


def confirm(
    request: HttpRequest,
    workflow: Workflow,
    *,
    heading: str,
    words: str,
    label: str,
    back: str = "campaign",
    form: Any = None,
) -> HttpResponse:
    """Ask before something that is not easily taken back; the same address then takes the POST.

    Args:
        form: what has to be said with it, such as a reason.
    """
    context = {
        "workflow": workflow,
        "tab": back,
        "heading": heading,
        "words": words,
        "label": label,
        "back": reverse(f"dashboard:{back}", args=[workflow.slug]),
        "form": form,
    }
    status = status_of(form) if form else 200
    return render(request, "dashboard/confirm.html", context, status=status)
