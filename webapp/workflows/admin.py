"""Campaigns and trees in Django's admin: to look at. They change on the owners' pages."""

from django.contrib import admin

from webapp.accounts.admin import LookOnly
from webapp.workflows.models import TreeVersion, Workflow


@admin.register(TreeVersion)
class TreeVersionAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Published trees."""

    list_display = ["title", "key", "sha256", "n_questions", "n_answers", "created_at"]
    search_fields = ["title", "key", "sha256"]


@admin.register(Workflow)
class WorkflowAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Campaigns."""

    list_display = ["name", "slug", "status", "version", "tree", "created_at", "launched_at"]
    list_filter = ["status"]
    list_select_related = ["tree"]
    search_fields = ["name", "slug"]
