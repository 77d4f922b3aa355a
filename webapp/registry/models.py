"""Registered model files, and the one that a campaign uses."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from webapp.workflows.models import TreeVersion, Workflow

SHA256_LENGTH = 64
# What the process that checks a file is kept from, as inference.vision.checking names it, in words.
LIMITS = {
    "memory": "limited memory",
    "cpu time": "limited time",
    "no network": "no network",
    "empty folder": "an empty folder",
    "no new files": "no new files",
    "no new processes": "no new processes",
}


class Status(models.TextChoices):
    """Whether a network can be promoted. That it serves is no status: a campaign points to it."""

    CANDIDATE = "candidate", _("candidate")
    ARCHIVED = "archived", _("archived")


class Source(models.TextChoices):
    """How a model file came in."""

    FILE = "file", _("a file on the server")
    UPLOAD = "upload", _("an upload")
    RUN = "run", _("a training run")
    DEMO = "demo", _("the software itself")


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Filters on networks."""

    def seen_by(self, workflow: Workflow) -> Self:
        """Keep those that a campaign may know of: registered for it, or for all campaigns."""
        return self.filter(registered_for(workflow) | Q(is_shared=True))

    def for_lists(self) -> Self:
        """Leave out the texts that only a network's own page shows; they can be megabytes."""
        return self.select_related("tree").defer("card", "lineage", "tree__document")


class ModelVersion(models.Model):
    """A model file that was found sound; the file lies under its hash, and neither changes."""

    sha256 = models.CharField(max_length=SHA256_LENGTH, unique=True, help_text="Of the file.")
    name = models.CharField(max_length=200, help_text="What its card calls it.")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="models")
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    workflows = models.ManyToManyField(
        Workflow, blank=True, related_name="models", help_text="Whose owners know of it."
    )
    is_shared = models.BooleanField(default=False, help_text="Every campaign knows of it.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CANDIDATE)
    source = models.CharField(max_length=10, choices=Source.choices)
    size_bytes = models.BigIntegerField()
    contract = models.CharField(max_length=10, help_text="Version of docs/formats.md.")
    precision = models.CharField(max_length=10)
    metrics: "models.JSONField[Any, Any]" = models.JSONField(help_text="As its card has them.")
    lineage: "models.JSONField[Any, Any]" = models.JSONField(help_text="As its card has it.")
    card: "models.JSONField[Any, Any]" = models.JSONField(help_text="The rest of its card.")
    check_limits: "models.JSONField[Any, Any]" = models.JSONField(
        help_text="What the process that checked it was kept from, each true or false."
    )
    trained_at = models.DateTimeField(help_text="As its card says.")
    registered_at = models.DateTimeField(db_default=Now())
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="model_named_by_its_hash"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="model_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.short_sha256})"

    @property
    def short_sha256(self) -> str:
        """The hash as pages show it."""
        return self.sha256[:8]

    @property
    def size_mb(self) -> float:
        """Megabytes of the file."""
        return self.size_bytes / 1e6

    def named(self) -> dict[str, str]:
        """Return how the audit log names it; names are no key, hashes are."""
        return {"name": self.name, "sha256": self.sha256}

    @property
    def limits(self) -> list[tuple[str, bool]]:
        """What the process that checked it was kept from, in words, and whether that held."""
        return [(LIMITS.get(name, name), holds) for name, holds in self.check_limits.items()]

    @property
    def lacks_limit(self) -> bool:
        """True if the machine that checked it cannot keep a process from everything."""
        return not all(self.check_limits.values())

    @property
    def is_archived(self) -> bool:
        """True if it cannot be promoted."""
        return self.status == Status.ARCHIVED


def registered_for(workflow: Workflow) -> Q:
    """Return the condition that a network was registered for a campaign; joins nothing."""
    links = ModelVersion.workflows.through.objects.filter(workflow=workflow)
    return Q(pk__in=links.values("modelversion"))


class ActiveModel(models.Model):
    """The network that a campaign uses now; promoting another one moves only this pointer."""

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="active_model")
    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="active_in")
    version = models.IntegerField(default=1, help_text="Grows with each promotion.")
    since_at = models.DateTimeField()
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    why = models.TextField()

    def __str__(self) -> str:
        return f"{self.workflow_id}: {self.model_id}"
