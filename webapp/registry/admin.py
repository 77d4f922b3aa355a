"""Networks in Django's admin: to look at. They change on the owners' pages."""

from django.contrib import admin

from webapp.accounts.admin import LookOnly
from webapp.registry.models import ActiveModel, ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Registered model files."""

    list_display = ["name", "sha256", "tree", "status", "source", "size_bytes", "registered_at"]
    list_filter = ["status", "source", "is_shared"]
    list_select_related = ["tree"]
    search_fields = ["name", "sha256"]


@admin.register(ActiveModel)
class ActiveModelAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Which network each campaign uses."""

    list_display = ["workflow", "model", "version", "since_at", "promoted_by", "why"]
    list_select_related = ["workflow", "model", "promoted_by"]
