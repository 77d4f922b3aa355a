"""Which galaxies a campaign's volunteers are shown: its streams and their shares."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from webapp.common.errors import DomainError
from webapp.dashboard import queries
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.forms import MixtureForm
from webapp.dashboard.views import page_or_form, sent_to, status_of
from webapp.predictions import queries as predictions
from webapp.workflows.mixture import LEAST_RANDOM, MOST_UNUSUAL, change_mixture
from webapp.workflows.models import Workflow


@page_or_form
@owner_page
def streams(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show what each stream is and how many galaxies wait in it; change the shares."""
    form = MixtureForm(*sent_to(request), shares=workflow.shares)
    if form.is_bound and form.is_valid():
        try:
            change_mixture(workflow=workflow, shares=form.shares(), by=user_of(request))
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. It holds from the next galaxy shown."))
            return redirect("dashboard:streams", workflow.slug)
    return render(
        request, "dashboard/streams.html", _context(workflow, form), status=status_of(form)
    )


def _context(workflow: Workflow, form: MixtureForm) -> dict[str, Any]:
    waiting = queries.n_waiting(workflow)
    return {
        "workflow": workflow,
        "tab": "streams",
        "form": form,
        "rows": [(form[name], waiting.get(name, 0)) for name in form.fields],
        "n_gold": waiting.get("gold", 0),
        "least_random": LEAST_RANDOM * 100,
        "most_unusual": MOST_UNUSUAL * 100,
        "pace": predictions.pace(workflow),
    }
