"""What the pages of files and releases show."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from webapp.accounts.models import User
from webapp.exports.models import Export, Release
from webapp.workflows.models import Workflow


def exports_of(user: User) -> QuerySet[Export]:
    """Return the files that a person has asked for, the newest first."""
    return Export.objects.filter(requested_by=user).select_related("workflow").order_by("-pk")


def releases_of(workflow: Workflow, user: User | AnonymousUser) -> QuerySet[Release]:
    """Return the releases of a campaign that a person may see, the newest first."""
    rows = Release.objects.filter(workflow=workflow).select_related("workflow")
    if not owns(workflow, user):
        rows = rows.filter(status="done")
    return rows.order_by("-number")


def published() -> QuerySet[Release]:
    """Return the releases of all public campaigns, withdrawn ones too, the newest first."""
    public = Q(workflow__in=Workflow.objects.public())
    rows = Release.objects.filter(public, status="done").select_related("workflow")
    return rows.order_by("-snapshot_at", "-pk")


def owns(workflow: Workflow, user: User | AnonymousUser) -> bool:
    """Say whether a person may make and withdraw releases of a campaign."""
    return Workflow.objects.owned_by(user).filter(pk=workflow.pk).exists()
