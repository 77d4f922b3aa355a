"""Users and volunteers in Django's admin: to look at. Roles change on the people page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from webapp.accounts.models import User, Volunteer


class LookOnly:
    """Rows that nobody changes here: what writes them is a service."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(User)
class UserAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Accounts."""

    list_display = ["username", "email", "role", "is_active", "date_joined", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "email"]
    exclude = ["password", "groups", "user_permissions", "first_name", "last_name"]


@admin.register(Volunteer)
class VolunteerAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who classifies, with or without an account; the browser's id stays unseen."""

    list_display = ["pk", "user", "is_browser", "is_simulated", "created_at", "claimed_at"]
    list_filter = ["is_browser", "is_simulated"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    exclude = ["uuid"]
    show_full_result_count = False
