"""Predictions in Django's admin: to look at."""

from django.contrib import admin

from webapp.accounts.admin import LookOnly
from webapp.predictions.models import Batch, Prediction, Scoring


@admin.register(Prediction)
class PredictionAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """What networks said."""

    list_display = ["subject", "model", "ignorance", "error", "predicted_at"]
    list_select_related = ["subject", "model"]
    search_fields = ["subject__survey_id__exact"]
    show_full_result_count = False


@admin.register(Batch)
class BatchAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Galaxies that are being scored."""

    list_display = ["id", "workflow", "model", "status", "attempts", "n_done", "n_total", "error"]
    list_select_related = ["workflow", "model"]


@admin.register(Scoring)
class ScoringAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Where networks run, and how fast."""

    list_display = ["model", "provider", "n_scored", "n_refused", "per_s", "scored_at"]
    list_select_related = ["model"]
