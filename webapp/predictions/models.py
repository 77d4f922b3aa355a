"""What networks said of galaxies, and the work of asking them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from inference.formats.card import EMBEDDING_SIZE
from webapp.common.fields import RealField
from webapp.common.models import BackgroundWork
from webapp.predictions.fields import HalfVectorField
from webapp.registry.models import ModelVersion
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow


class Prediction(models.Model):
    """A network's opinion of a galaxy, along the axis of its own tree; never replaced.

    Where it can say nothing there are no numbers, and the reason.
    """

    model = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="predictions", db_index=False
    )
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="predictions")
    concentrations = ArrayField(RealField(), null=True, help_text="real[K], calibrated.")
    ignorance = RealField(null=True, help_text="What the network does not know, nats.")
    embedding = HalfVectorField(
        null=True, dimensions=EMBEDDING_SIZE, help_text="For similarity; of unit length."
    )
    error = models.TextField(blank=True, help_text="Why it can say nothing.")
    predicted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "subject"], name="prediction_once"),
            models.CheckConstraint(
                condition=models.Q(
                    error="",
                    concentrations__isnull=False,
                    ignorance__isnull=False,
                    embedding__isnull=False,
                )
                | (
                    ~models.Q(error="")
                    & models.Q(
                        concentrations__isnull=True,
                        ignorance__isnull=True,
                        embedding__isnull=True,
                    )
                ),
                name="prediction_whole_or_refused",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_id} of {self.subject_id}"


class Batch(BackgroundWork):
    """Galaxies of a campaign that one worker scores; gone when it is done.

    It exists so that no two workers score the same galaxies. What is to be scored is written in the
    tallies.
    """

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+")
    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    subject_ids = ArrayField(models.BigIntegerField())

    class Meta:
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Scoring(models.Model):
    """How fast a network is, where it last ran."""

    model = models.OneToOneField(ModelVersion, models.CASCADE, related_name="scoring")
    provider = models.CharField(max_length=40, help_text="As ONNX Runtime calls it.")
    n_scored = models.BigIntegerField(default=0, help_text="Pictures, ever.")
    n_refused = models.BigIntegerField(default=0, help_text="Those of which it can say nothing.")
    per_s = models.FloatField(help_text="Pictures a second in the batch that was last at work.")
    scored_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "scoring"

    def __str__(self) -> str:
        return f"{self.model_id}: {self.per_s:.0f} pictures a second"
