"""Long work and the audit log."""

import math
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


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
