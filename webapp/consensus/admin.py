"""Tallies and flags in Django's admin: to look at. They follow from the votes."""

from django.contrib import admin

from webapp.accounts.admin import LookOnly
from webapp.consensus.models import Consensus, Flag


@admin.register(Consensus)
class ConsensusAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Tallies."""

    list_display = ["subject", "workflow", "n_classifications", "retired_at", "retired_reason"]
    list_select_related = ["subject", "workflow"]
    search_fields = ["subject__survey_id__exact"]
    show_full_result_count = False


@admin.register(Flag)
class FlagAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Galaxies that somebody should look at."""

    list_display = ["subject", "workflow", "words", "flagged_at"]
    list_select_related = ["subject", "workflow"]
