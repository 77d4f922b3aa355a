"""Long work and the audit log."""

import math
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SILENT_AFTER_S = 45.0  # a process; it speaks every HEARTBEAT_EVERY_S


class WorkStatus(models.TextChoices):
    """Where a piece of long work stands."""

    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class BackgroundWork(models.Model):
    """Long work as a row: whoever claims it holds a lease, and a token that outdates every other.

    The row is the queue. A worker that stalls loses the lease; when it wakes up its token is no
    longer the row's, so that it cannot commit (see common.work).
    """

    status = models.CharField(max_length=10, choices=WorkStatus.choices, default=WorkStatus.PENDING)
    token = models.BigIntegerField(default=0, help_text="Grows with every claim.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.SmallIntegerField(default=0, help_text="Claims since the last progress.")
    not_before_at = models.DateTimeField(
        null=True, blank=True, help_text="Back-off after a failure."
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    n_done = models.IntegerField(default=0)
    n_total = models.IntegerField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="One sentence for the person who asked.")
    traceback = models.TextField(blank=True, help_text="For the administrator.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    # When the worker that holds it should put it back, by its own time.monotonic(); not stored.
    pause_at_s: float = math.inf

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """True while the work waits or runs."""
        return self.status in (WorkStatus.PENDING, WorkStatus.RUNNING)

    @property
    def percent(self) -> int | None:
        """Whole percent done, or None while the total is unknown."""
        return min(100, 100 * self.n_done // self.n_total) if self.n_total else None


class Process(models.Model):
    """A worker or beat, on whichever machine; it says itself, every few seconds, that it lives."""

    class Kind(models.TextChoices):
        """What it is for."""

        WORKER = "worker", "worker"
        SCORER = "scorer", "scorer"
        BACKUP = "backup", "backup"
        BEAT = "beat", "beat"

    name = models.CharField(max_length=200, unique=True, help_text="As Celery calls it.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    doing = models.CharField(max_length=500, blank=True, help_text="Its tasks at that moment.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="By the database's clock.")

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        """False if it has been silent for too long."""
        # Of a time to come: it spoke before the clock was put back.
        return abs(timezone.now() - self.seen_at) < timedelta(seconds=SILENT_AFTER_S)


class AuditEntry(models.Model):
    """Who changed what, from which value to which, and why; written in the same transaction."""

    at = models.DateTimeField(db_default=Now())
    actor_id = models.BigIntegerField(null=True, blank=True, help_text="User id; null: the system.")
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=60, help_text="Kind of thing, such as workflow.")
    target_id = models.CharField(max_length=60)
    old: "models.JSONField[Any, Any]" = models.JSONField(null=True, blank=True)
    new: "models.JSONField[Any, Any]" = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["target", "target_id", "-id"], name="audit_of_target")]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.target} {self.target_id}"


class AuditLink(models.Model):
    """A line's place in the chain of the audit log: its hash is of the line and the link before.

    A trigger adds it when the transaction commits, so that no line is ever without one.
    """

    place = models.BigIntegerField(primary_key=True, help_text="1 is the oldest; none is left out.")
    entry = models.OneToOneField(AuditEntry, models.PROTECT, related_name="link")
    sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.place}: {self.sha256}"


class Mail(models.Model):
    """A mail that waits to be sent; deleted when the mail server has taken it."""

    message = models.JSONField(help_text="What makes it: see common.outbox.")
    attempts = models.SmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, help_text="Why the last one failed.")
    not_before_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["not_before_at", "id"], name="mail_due")]

    def __str__(self) -> str:
        return f"mail {self.pk}"
