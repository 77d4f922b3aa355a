"""What is known of a galaxy, and what waits to be shown."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from webapp.common.fields import RealField
from webapp.registry.models import ModelVersion
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion, Workflow

PROGRESS_RATION = 50  # summing may take a fiftieth of the time


class Stream(models.TextChoices):
    """Why a galaxy is shown."""

    RANDOM = "random", _("at random")
    GAIN = "gain", _("the next vote tells most")
    IGNORANCE = "ignorance", _("the network knows least")
    UNUSUAL = "unusual", _("it looks like few others")
    GOLD = "gold", _("experts have answered it")
    IMPORTED = "imported", _("it was shown elsewhere")


# What a network says of a galaxy is its key there; without a prediction it does not wait in them.
RANKED_BY_NETWORK = (Stream.IGNORANCE, Stream.UNUSUAL)


class RetiredReason(models.TextChoices):
    """Why a galaxy is no longer shown."""

    COUNT = "count", _("enough classifications")
    CERTAIN = "certain", _("sure enough")
    ARTIFACT = "artifact", _("enough votes for a bad image")
    WITHDRAWN = "withdrawn", _("its set left the campaign")
    UNSEEN = "unseen", _("there is no picture of it here")


# These the rule has not retired, so it opens none of them again.
NOT_JUDGED = (RetiredReason.WITHDRAWN, RetiredReason.UNSEEN)


class Consensus(models.Model):
    """What is known of a galaxy in a campaign, along the answer axis of `tree`.

    Votes as they were given stand beside the same votes by the weight of those who gave them. With
    the prior, a network's calibrated concentrations, these are the posterior: it is their sum.

    Written once a classification, so no changing column has an index and a fifth of every page
    stays free: PostgreSQL then updates in place (HOT).
    """

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="consensus", db_index=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="consensus")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+", db_index=False)
    votes = ArrayField(models.IntegerField(), help_text="int[K]: people who gave each answer.")
    asked = ArrayField(models.IntegerField(), help_text="int[Q]: people who met each question.")
    n_classifications = models.IntegerField(default=0, help_text="Those that count.")
    weighted = ArrayField(RealField(), help_text="real[K]: the votes, by weight.")
    weighted_asked = ArrayField(RealField(), help_text="real[Q]: the people asked, by weight.")
    prior = ArrayField(
        RealField(), null=True, blank=True, help_text="real[K]; null: no network says anything."
    )
    prior_model = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        help_text="Whose word the prior is. Not the active model: the galaxy waits to be scored.",
    )
    is_gold = models.BooleanField(
        default=False, db_default=False, help_text="Experts have answered it."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_reason = models.CharField(max_length=10, choices=RetiredReason.choices, blank=True)
    retired_words = models.CharField(max_length=200, blank=True, help_text="The rule's own words.")
    retired_by = models.UUIDField(null=True, blank=True, help_text="The last classification.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "subject"], name="consensus_once")
        ]
        # No vote changes these, so it stays an update in place; a retirement is one in forty.
        indexes = [
            models.Index(
                fields=["workflow", "prior_model", "retired_at", "subject"], name="consensus_scored"
            )
        ]
        verbose_name_plural = "consensus"

    def __str__(self) -> str:
        return f"consensus {self.pk}"


class ImportedTally(models.Model):
    """Votes of another project that are known only as counts; they count as they stand."""

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=100, help_text="The table that they are from.")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+", db_index=False)
    votes = ArrayField(models.IntegerField(), help_text="int[K]: people who gave each answer.")
    asked = ArrayField(models.IntegerField(), help_text="int[Q]: people who met each question.")
    n_people = models.IntegerField(help_text="Classifications.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "workflow", "source"], name="imported_tally_once"
            )
        ]
        verbose_name_plural = "imported tallies"

    def __str__(self) -> str:
        return f"{self.subject_id} of {self.source}"


class Retirement(models.Model):
    """A galaxy retired or was opened again, and why: the history of its consensus row."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+", db_index=False)
    is_opening = models.BooleanField(help_text="True: it is shown again.")
    key = models.CharField(max_length=10, blank=True, help_text="The part of the rule that spoke.")
    words = models.CharField(max_length=200)
    n_classifications = models.IntegerField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["subject", "workflow", "id"], name="retirement_of_subject")]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.words}"


class Flag(models.Model):
    """A galaxy that somebody should look at: enough people said that its picture is bad."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="flags", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="flags")
    words = models.CharField(max_length=200)
    flagged_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "subject"], name="flag_once")]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.words}"


class Queue(models.Model):
    """A galaxy that waits to be shown in a stream; gone when it retires."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+", db_index=False)
    stream = models.CharField(max_length=10, choices=Stream.choices)
    sort_key = models.FloatField(help_text="Highest first; random in the random stream.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "workflow", "stream"], name="queued_once_a_stream"
            )
        ]
        indexes = [
            models.Index(fields=["workflow", "stream", "sort_key", "subject"], name="queue_order")
        ]
        verbose_name_plural = "queue"

    def __str__(self) -> str:
        return f"{self.subject_id} in {self.stream}"


class Progress(models.Model):
    """How far a campaign is, summed by beat so that no vote touches a row that all share."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="progress")
    n_subjects = models.IntegerField(default=0)
    n_retired = models.IntegerField(default=0)
    n_classifications = models.BigIntegerField(default=0)
    n_counted = models.BigIntegerField(default=0, help_text="Classifications toward retirement.")
    n_needed = models.BigIntegerField(default=0)
    n_scorable = models.IntegerField(default=0, help_text="Galaxies that a network can look at.")
    n_scored = models.IntegerField(default=0, help_text="Those that the active model has seen.")
    measured_at = models.DateTimeField(db_default=Now())
    took_s = models.FloatField(
        default=0.0, help_text="How long summing took; it is rationed by it."
    )

    class Meta:
        verbose_name_plural = "progress"

    def __str__(self) -> str:
        return f"{self.n_counted} of {self.n_needed}"
