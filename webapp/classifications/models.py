"""What volunteers answered, which of it counts, and what they were shown."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from webapp.accounts.models import Volunteer
from webapp.consensus.models import Stream
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
    is_test = models.BooleanField(default=False, help_text="Given before the campaign's launch.")
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    shown_at = models.DateTimeField(help_text="When the server handed it out.")
    client_started_at = models.DateTimeField(null=True, help_text="By the client's own clock.")
    client_finished_at = models.DateTimeField(null=True, help_text="By the client's own clock.")
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

        COUNTED = "counted", "counts"
        LATE = "late", "came after the galaxy had retired"
        TEST = "test", "given before the launch"
        CLEARED = "cleared", "a test vote that was cleared"
        REPEAT = "repeat", "this person had answered before"
        EXCLUDED = "excluded", "excluded by an owner"
        UNDONE = "undone", "taken back by the volunteer"

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="+", db_index=False)
    volunteer = models.ForeignKey(Volunteer, models.PROTECT, related_name="+", db_index=False)
    classification = models.OneToOneField(Classification, models.PROTECT, related_name="standing")
    state = models.CharField(max_length=10, choices=State.choices)
    reason = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

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
    shown_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["holder", "workflow"], name="handout_of_holder"),
            models.Index(fields=["shown_at"], name="handout_age"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)
