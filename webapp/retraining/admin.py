"""Trainings in Django's admin: to look at. They change on the owners' pages."""

from django.contrib import admin

from webapp.accounts.admin import LookOnly
from webapp.retraining.models import Comparison, DriftReport, Plan, TrainingRun


@admin.register(TrainingRun)
class TrainingRunAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs, with the traceback of one that the program failed."""

    list_display = ["pk", "workflow", "status", "phase", "folder", "worker", "created_at", "error"]
    list_filter = ["status", "phase", "reason"]
    list_select_related = ["workflow"]


@admin.register(Comparison)
class ComparisonAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """How each run's model was judged."""

    list_display = ["run", "champion", "n_subjects", "is_better", "is_promoted", "words"]
    list_select_related = ["run", "champion"]


@admin.register(Plan)
class PlanAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """When campaigns are trained by themselves."""

    list_display = [
        "workflow", "config_name", "least_new", "is_weekly", "after_new", "promotes_itself",
    ]  # fmt: skip
    list_select_related = ["workflow"]


@admin.register(DriftReport)
class DriftReportAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """How far new galaxies are from those trained on."""

    list_display = ["workflow", "model", "distance", "p", "has_drifted", "measured_at"]
    list_select_related = ["workflow", "model"]
