"""The administrator's page: is it running, what is it doing, what needs me."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import admins_only
from webapp.backups import queries as backups
from webapp.classifications import recounting
from webapp.common.audit import write_entry
from webapp.common.models import Process, WorkStatus
from webapp.dashboard import doing, health, longwork, rates
from webapp.dashboard.access import user_of
from webapp.dashboard.needs import needs
from webapp.dashboard.storage import storage
from webapp.registry import queries as registry
from webapp.workflows.models import Workflow

PAGE = "dashboard/operations.html"
EVERY_S = 5  # between two looks of an open page


@require_safe
@admins_only
def operations(request: HttpRequest) -> HttpResponse:
    """Show the whole page."""
    return render(request, PAGE, _context() | {"checked": registry.last_check()})


@require_safe
@admins_only
def operations_part(request: HttpRequest) -> HttpResponse:
    """Answer what changes; opened by hand, go to the page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("dashboard:operations")
    return render(request, f"{PAGE}#now", _context())


def _context() -> dict[str, Any]:
    checks, kinds = list(health.readiness()), longwork.kinds()
    processes = list(Process.objects.order_by("kind", "name"))
    last_minute = rates.last_minute()
    campaigns = doing.campaigns(last_minute)
    stored = storage()
    return {
        "now": timezone.now(),
        "every_s": EVERY_S,
        "checks": checks,
        "backup": backups.last_good_drill(),
        "drill": backups.last_drill(),
        "needs": needs(
            checks=checks, processes=processes, kinds=kinds, campaigns=campaigns, stored=stored
        ),
        "n_last_minute": sum(last_minute.values()),
        "last_at": rates.last_at(),
        "campaigns": campaigns,
        "processes": processes,
        "kinds": kinds,
        "open_work": longwork.shown(*longwork.OPEN),
        "failed": longwork.shown(WorkStatus.FAILED),
        "storage": stored,
    }


@require_POST
@admins_only
def retry(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Let failed work be tried again; beat finds it within seconds."""
    if kind not in {model._meta.label_lower for model in longwork.models()}:  # noqa: SLF001
        raise Http404
    if longwork.retry_failed(kind=kind, pk=pk):
        write_entry(actor=user_of(request), action="retry", target=kind, target_id=pk)
        messages.success(request, _("It is tried again within half a minute."))
    else:
        messages.info(request, _("It had not failed, so nothing has changed."))
    return redirect("dashboard:operations")


@require_POST
@admins_only
def count_again(request: HttpRequest, slug: str) -> HttpResponse:
    """Compare a campaign's counters with its votes now, instead of in the night."""
    workflow = get_object_or_404(Workflow, slug=slug)
    recounting.start_recount(workflow=workflow, by=user_of(request))
    messages.success(request, _("It is counted again: see Long work."))
    return redirect("dashboard:operations")
