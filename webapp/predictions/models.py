"""What networks said of galaxies, and the work of asking them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inference.formats.card import EMBEDDING_SIZE
from webapp.common.fields import RealField
from webapp.common.models import BackgroundWork
from webapp.predictions.fields import HalfVectorField
from webapp.registry.models import ModelVersion
from webapp.subjects import media
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


class Space(BackgroundWork):
    """The embeddings of one network: which are unlike the others, and the index for look-alikes."""

    model = models.OneToOneField(ModelVersion, models.CASCADE, related_name="space")
    last_prediction_id = models.BigIntegerField(
        default=0, help_text="Predictions up to this one have been compared."
    )
    n_reference = models.IntegerField(
        default=0, help_text="Embeddings of the first comparison; four times as many: all again."
    )
    is_indexed = models.BooleanField(default=False, help_text="Look-alikes come from an index.")
    recall = models.FloatField(
        null=True, help_text="Share of the true look-alikes that the index finds, as measured."
    )

    def __str__(self) -> str:
        return f"space of {self.model_id}"


class Unusual(models.Model):
    """How unlike the others a galaxy is to a network."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+", db_index=False)
    distance = RealField(help_text="Mean cosine distance to the nearest ones of a sample, 0 to 2.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "model"], name="unusual_once"),
        ]
        indexes = [models.Index(fields=["model", "-distance"], name="unusual_order")]
        verbose_name_plural = "unusual"

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.distance:.3f}"


class ListKind(models.TextChoices):
    """What a list of galaxies is about."""

    UNUSUAL = "unusual", _("unlike the others")
    DISPUTED = "disputed", _("people and model disagree")


class Listed(models.Model):
    """A place on a campaign's list of galaxies worth a look; made anew by beat."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=ListKind.choices)
    place = models.IntegerField(help_text="1 is the first.")
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+", db_index=False)
    value = RealField(help_text="By which it stands there.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "kind", "place"], name="listed_once")
        ]
        verbose_name_plural = "listed"

    def __str__(self) -> str:
        return f"{self.kind} {self.place}"


class Lists(models.Model):
    """When a campaign's lists were made, and how long it took: they are rationed by it."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    took_s = models.FloatField(default=0.0)

    class Meta:
        verbose_name_plural = "lists"

    def __str__(self) -> str:
        return f"lists of {self.workflow_id}"


class HeatMap(BackgroundWork):
    """Where in a picture an answer of a network rests; asked for by a person, kept for all."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+", db_index=False)
    answer = models.CharField(max_length=200, help_text="Its name in the network's tree.")
    picture_sha256 = models.CharField(max_length=64, blank=True)
    fraction = models.FloatField(null=True, help_text="Of the votes that the network expects.")
    own_score = models.FloatField(null=True, help_text="Of the deletion test; lower is better.")
    random_score = models.FloatField(null=True)
    random_spread = models.FloatField(null=True)
    center_score = models.FloatField(null=True)
    beats_random = models.BooleanField(null=True)
    verdict = models.TextField(blank=True, help_text="What the deletion test says, in words.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "model", "answer"], name="map_once")
        ]

    def __str__(self) -> str:
        return f"map {self.pk} of {self.answer}"

    @property
    def url(self) -> str:
        """Where its picture is served."""
        return media.url("heat", self.picture_sha256)
