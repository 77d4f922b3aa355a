"""What an administrator may look at when something is wrong; changes go through the pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from webapp.subjects.models import IngestBatch, Subject, SubjectSet


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(SubjectSet)
class SubjectSetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Owners are named here; everything else has a page."""

    list_display = ("name", "slug", "created_at")
    fields = ("name", "credit", "owners")
    filter_horizontal = ("owners",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Subject)
class SubjectAdmin(ReadOnly):
    """Galaxies."""

    list_display = ("survey_id", "subject_set", "ra_deg", "dec_deg", "created_at")
    search_fields = ("survey_id",)
    show_full_result_count = False


@admin.register(IngestBatch)
class IngestBatchAdmin(ReadOnly):
    """What came in, with the traceback of what failed."""

    list_display = ("pk", "source_name", "subject_set", "status", "attempts", "n_bad", "created_at")
    list_filter = ("status",)
