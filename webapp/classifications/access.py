"""Which campaigns a person may answer, and sending a browser to another page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from webapp.workflows.models import Status, Workflow


def workflow_of(request: HttpRequest, slug: str) -> Workflow:
    """Return a campaign that this person may see; a draft is its owners' only."""
    workflow = get_object_or_404(Workflow.objects.with_tree(), slug=slug)
    if workflow.status == Status.DRAFT:
        owned = Workflow.objects.owned_by(request.user).filter(pk=workflow.pk)
        if not owned.exists():
            raise Http404
    return workflow


def go_to(address: str) -> HttpResponse:
    """Tell htmx to leave this page for another."""
    response = HttpResponse(status=204)
    response.headers["HX-Redirect"] = address
    return response
