"""What volunteers answered, which of it counts, and what they were shown."""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User, Volunteer
from webapp.common.fields import RealField
from webapp.common.models import BackgroundWork
from webapp.consensus.models import Stream
from webapp.registry.models import ModelVersion
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion, Workflow


class Classification(models.Model):
    """One volunteer's walk through the tree for one galaxy; append-only, by a trigger."""

    uuid = models.UUIDField(unique=True, help_text="Made by the client: a replay stores nothing.")
    workflow = models.ForeignKey(
        Workflow, models.PROTECT, related_name="classifications", db_index=False
    )
    subject = models.ForeignKey(
        Subject, models.PROTECT, related_name="classifications", db_index=False
    )
    volunteer = models.ForeignKey(
        Volunteer, models.PROTECT, related_name="classifications", db_index=False
    )
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+", db_index=False)
    path = ArrayField(models.SmallIntegerField(), help_text="Indices on the tree's answer axis.")
    stream = models.CharField(max_length=10, choices=Stream.choices, help_text="Why it was shown.")
    score = models.FloatField(null=True, help_text="Its sort key in the stream at that moment.")
    model = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        help_text="The campaign's active model at that moment.",
    )
    is_test = models.BooleanField(default=False, help_text="Given before the campaign's launch.")
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    shown_at = models.DateTimeField(help_text="When the server handed it out.")
    client_started_at = models.DateTimeField(null=True, help_text="By the client's own clock.")
    client_finished_at = models.DateTimeField(null=True, help_text="By the client's own clock.")
    view: "models.JSONField[Any, Any]" = models.JSONField(
        null=True, help_text="What was changed of how the picture is shown; see looking.py."
    )
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["subject", "workflow"], name="classification_of_subject"),
            models.Index(fields=["volunteer", "-id"], name="classification_of_volunteer"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class Standing(models.Model):
    """Which classification of a volunteer stands for a galaxy, and whether it counts.

    This is all that can change about a classification; it is also the "already seen" index. A
    classification without a standing is a repeat of the one that has it.
    """

    class State(models.TextChoices):
        """Whether it counts, and if not, why."""

        COUNTED = "counted", _("counts")
        LATE = "late", _("came after the galaxy had retired")
        TEST = "test", _("given before the launch")
        CLEARED = "cleared", _("a test vote that was cleared")
        REPEAT = "repeat", _("this person had answered before")
        EXCLUDED = "excluded", _("excluded by an owner")
        UNDONE = "undone", _("taken back by the volunteer")

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="+", db_index=False)
    volunteer = models.ForeignKey(Volunteer, models.PROTECT, related_name="+", db_index=False)
    classification = models.OneToOneField(Classification, models.PROTECT, related_name="standing")
    state = models.CharField(max_length=10, choices=State.choices)
    weight = RealField(db_default=1.0, help_text="0 to 1, in steps of 1/256, as it was counted.")
    reason = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When its volunteer first saw what others say."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "workflow", "volunteer"], name="standing_once"
            )
        ]
        indexes = [
            models.Index(fields=["volunteer", "workflow"], name="standing_of_volunteer"),
            models.Index(fields=["workflow"], condition=Q(state="test"), name="standing_test"),
        ]

    def __str__(self) -> str:
        return f"{self.classification_id}: {self.state}"


class Skill(models.Model):
    """What a campaign has learned of a volunteer, by the last re-weighing.

    Rows of one person carry the same figures. A volunteer without a row is new, and weighs 1.
    """

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    volunteer = models.ForeignKey(Volunteer, models.CASCADE, related_name="skills")
    weight = RealField(help_text="0 to 1, in steps of 1/256; new answers are counted with it.")
    agreement = RealField(null=True, help_text="Share of answers that the crowd's leading one is.")
    n_answers = models.IntegerField(help_text="Answers to single-choice questions.")
    n_gold = models.IntegerField(default=0, help_text="Those to galaxies that experts answered.")
    confusion = ArrayField(
        RealField(),
        default=list,
        help_text="Of each single-choice question its matrix, row by row: P(said | true).",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "volunteer"], name="skill_once")]

    def __str__(self) -> str:
        return f"{self.volunteer_id}: {self.weight}"


class Suspicion(models.Model):
    """A volunteer whose answers an owner should look at, and what the owner decided."""

    class Status(models.TextChoices):
        """What the owner decided."""

        OPEN = "open", _("to be looked at")
        EXCLUDED = "excluded", _("excluded")
        DISMISSED = "dismissed", _("looked at and kept")

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="suspicions")
    volunteer = models.ForeignKey(Volunteer, models.CASCADE, related_name="suspicions")
    words = models.TextField(help_text="Why, with the numbers.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    is_applied = models.BooleanField(
        default=True, help_text="False: standings wait to follow the decision."
    )
    raised_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "volunteer"], name="suspicion_once")
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id}: {self.words}"


class Gold(models.Model):
    """What experts say of a galaxy, as fractions: often there is no single right answer."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="gold", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+", db_index=False)
    fractions = ArrayField(
        RealField(null=True),
        help_text="real[K] along `tree`: the share of experts; null where nobody was asked.",
    )
    words = models.CharField(
        max_length=500, blank=True, help_text="Shown to volunteers after they have answered."
    )
    entered_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    entered_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "subject"], name="gold_once")]
        verbose_name_plural = "gold"

    def __str__(self) -> str:
        return f"gold of {self.subject_id}"


class Favorite(models.Model):
    """A galaxy that somebody wants to find again."""

    user = models.ForeignKey(User, models.CASCADE, related_name="favorites", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+")
    marked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "subject"], name="favorite_once")]

    def __str__(self) -> str:
        return f"favorite {self.subject_id} of {self.user_id}"


class Reweighing(BackgroundWork):
    """A campaign's volunteers are weighed anew, and every vote by its volunteer's new weight."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="reweighings")
    last_classification_id = models.BigIntegerField(
        default=0, help_text="The newest answer that was looked at."
    )
    last_subject_id = models.BigIntegerField(default=0, help_text="Galaxies done up to this one.")
    n_volunteers = models.IntegerField(default=0)
    n_changed = models.IntegerField(default=0, help_text="Volunteers whose weight changed.")
    n_suspects = models.IntegerField(default=0)
    n_recounted = models.IntegerField(default=0, help_text="Galaxies with another tally.")
    n_retired = models.IntegerField(default=0)
    n_reopened = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"re-weighing {self.pk}"


class Recount(BackgroundWork):
    """A campaign's tallies and queues are compared with its votes; the newest one is kept."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="recounts")
    last_subject_id = models.BigIntegerField(
        default=0, help_text="Galaxies compared up to this one."
    )
    n_differences = models.IntegerField(default=0)
    words = ArrayField(
        models.TextField(), default=list, help_text="The first differences, a line each."
    )

    def __str__(self) -> str:
        return f"recount {self.pk}"


class Insight(models.Model):
    """A campaign's figures for its owner, computed by beat; see insight.py."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="insight")
    figures: "models.JSONField[Any, Any]" = models.JSONField()
    measured_at = models.DateTimeField(db_default=Now())
    took_s = models.FloatField(default=0.0, help_text="It is rationed by it.")

    def __str__(self) -> str:
        return f"insight into {self.workflow_id}"


class Handout(models.Model):
    """A galaxy that was shown and is not answered yet: what a reload and a second tab look at.

    It excludes nobody else. What it says travels signed with the page, so losing this row loses
    nothing: the table is not written to PostgreSQL's log (unlogged).
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    holder = models.UUIDField(help_text="The volunteer's uuid, before there is a volunteer too.")
    workflow = models.ForeignKey(
        Workflow, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    subject = models.ForeignKey(
        Subject, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    tree = models.ForeignKey(
        TreeVersion, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    stream = models.CharField(max_length=10, choices=Stream.choices)
    score = models.FloatField(null=True)
    model = models.ForeignKey(
        ModelVersion,
        models.CASCADE,
        related_name="+",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    shown_at = models.DateTimeField(db_default=Now())
    supersedes = models.BigIntegerField(
        null=True, help_text="The id of the classification that is to be changed."
    )

    class Meta:
        indexes = [
            models.Index(fields=["holder", "workflow"], name="handout_of_holder"),
            models.Index(fields=["shown_at"], name="handout_age"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class Passed(models.Model):
    """A galaxy that somebody passed over without an answer; they may have reported its picture."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="+")
    holder = models.UUIDField(help_text="The volunteer's uuid, before there is a volunteer too.")
    is_report = models.BooleanField(help_text="They say that something is wrong with the picture.")
    passed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "subject", "holder"], name="passed_once")
        ]
        verbose_name_plural = "passed"

    def __str__(self) -> str:
        return f"{self.subject_id} {'reported' if self.is_report else 'skipped'}"
