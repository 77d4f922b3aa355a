"""Trainings of a campaign's network, how they were judged, and when they begin by themselves."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.common.models import BackgroundWork, WorkStatus
from webapp.registry.models import ModelVersion
from webapp.workflows.models import TreeVersion, Workflow

DEFAULT_CONFIG = "campaign"
LEAST_NEW = 50  # classifications, so that the demo's first hour is enough


class Phase(models.TextChoices):
    """What is being done for a run; training happens outside of the site."""

    WRITE = "write", _("writing the run directory")
    TRAIN = "train", _("training")
    COLLECT = "collect", _("checking and comparing")


class Reason(models.TextChoices):
    """Why a run began."""

    ASKED = "asked", _("somebody pressed Retrain")
    WEEKLY = "weekly", _("a week has passed")
    VOTES = "votes", _("enough new classifications")


class TrainingRun(BackgroundWork):
    """One training of a campaign's network, from the wish to a model beside the one in use.

    While it trains the row runs without a lease: it is in the hands of the trainer, and beat copies
    what the run directory says into the row.
    """

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="training_runs")
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.WRITE)
    reason = models.CharField(max_length=10, choices=Reason.choices, default=Reason.ASKED)
    folder = models.CharField(max_length=100, unique=True, help_text="Its name in RUNS_DIR.")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+")
    parent = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The model in use when the run began.",
    )
    model = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="training_runs"
    )
    config_name = models.CharField(max_length=60)
    config: "models.JSONField[Any, Any]" = models.JSONField(help_text="As the trainer gets it.")
    seed = models.IntegerField(default=0)

    # What it is trained on.
    snapshot_at = models.DateTimeField(null=True, blank=True, help_text="When votes were read.")
    last_classification_id = models.BigIntegerField(
        default=0, help_text="Later classifications are new to this run."
    )
    n_subjects = models.IntegerField(default=0)
    n_classifications = models.BigIntegerField(default=0)
    parts: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, help_text="Galaxies in each part."
    )
    catalog_sha256 = models.CharField(max_length=64, blank=True)
    stamps_sha256 = models.CharField(max_length=64, blank=True)

    # What its directory says.
    worker = models.CharField(max_length=200, blank=True, help_text="Who trains; blank: nobody.")
    beat = models.BigIntegerField(default=0)
    beat_changed_at = models.DateTimeField(null=True, blank=True, help_text="By this site's clock.")
    taken_at = models.DateTimeField(
        null=True, blank=True, help_text="When this worker was first seen."
    )
    taken_share = models.FloatField(default=0.0, help_text="Of the epochs that were done then.")
    live: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    metrics: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    log_tail = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow"],
                condition=Q(status__in=[WorkStatus.PENDING, WorkStatus.RUNNING]),
                name="one_open_run_a_campaign",
            )
        ]

    def __str__(self) -> str:
        return f"training run {self.pk}"

    @property
    def is_training(self) -> bool:
        """True while it is in the hands of the trainer."""
        return self.status == WorkStatus.RUNNING and self.phase == Phase.TRAIN


class Comparison(models.Model):
    """A run's model judged beside the one in use, on the same galaxies that were held out."""

    run = models.OneToOneField(TrainingRun, models.CASCADE, related_name="comparison")
    champion = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    n_subjects = models.IntegerField(help_text="Galaxies held out.")
    figures: "models.JSONField[Any, Any]" = models.JSONField(help_text="See inference.belief.")
    is_repeatable = models.BooleanField(help_text="Two sessions said the same of 100 pictures.")
    is_better = models.BooleanField(help_text="By the rule for automatic promotion.")
    words = models.TextField(help_text="Why, with the numbers.")
    is_promoted = models.BooleanField(default=False, help_text="By the rule, by itself.")
    compared_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"comparison of {self.run_id}"


class Plan(models.Model):
    """When a campaign's network is trained again, with which settings, and who promotes it."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="retraining_plan")
    config_name = models.CharField(max_length=60, default=DEFAULT_CONFIG)
    least_new = models.PositiveIntegerField(
        default=LEAST_NEW, help_text="Fewer new classifications are not worth a run."
    )
    is_weekly = models.BooleanField(default=False)
    after_new = models.PositiveIntegerField(
        null=True, blank=True, help_text="A run begins after so many new classifications."
    )
    promotes_itself = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"plan of {self.workflow_id}"


class DriftReport(models.Model):
    """How far a campaign's newest galaxies are from those that its model was trained on."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="drift_report")
    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    distance = models.FloatField(null=True, help_text="0 to 1; null: too few galaxies.")
    p = models.FloatField(null=True)
    n_reference = models.IntegerField()
    n_new = models.IntegerField()
    has_drifted = models.BooleanField()
    words = models.TextField()
    last_prediction_id = models.BigIntegerField(
        default=0, help_text="Predictions up to this one had been made."
    )
    measured_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"drift in {self.workflow_id}"
