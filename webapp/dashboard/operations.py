"""The administrator's page: is it running, what is it doing, what needs me."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import admins_only
from webapp.backups import queries as backups
from webapp.common.audit import write_entry
from webapp.common.models import Process, WorkStatus
from webapp.dashboard import health, longwork
from webapp.dashboard.access import user_of
from webapp.registry import queries as registry

PAGE = "dashboard/operations.html"


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
    open_work = list(longwork.rows(*longwork.OPEN))
    failed = list(longwork.rows(WorkStatus.FAILED))
    checks = list(health.readiness())
    return {
        "checks": checks,
        "backup": backups.last_good_drill(),
        "drill": backups.last_drill(),
        "is_ready": all(check.is_right for check in checks),
        "processes": Process.objects.order_by("kind", "name"),
        "kinds": longwork.kinds(),
        "open_work": [(row._meta.label_lower, row) for row in open_work],  # noqa: SLF001
        "failed": [(row._meta.label_lower, row) for row in failed],  # noqa: SLF001
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
