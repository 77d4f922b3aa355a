"""Files that somebody asked for, and releases, which are kept for ever."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp.common.models import BackgroundWork, WorkStatus
from webapp.exports.writers import FORMATS
from webapp.workflows.models import Workflow


class Table(models.TextChoices):
    """What a file holds."""

    CATALOG = "catalog", _("catalog: one row a galaxy")
    VOTES = "votes", _("single votes: one row an answer")
    PANOPTES = "panoptes", _("classifications as Panoptes exports them (CSV)")
    WORKFLOW = "workflow", _("the trees as Panoptes exports workflows (CSV)")
    REDUCTIONS = "reductions", _("tallies as panoptes_aggregation reduces them (CSV)")
    ZOOBOT = "zoobot", _("a training catalog for Zoobot (CSV)")


class Export(BackgroundWork):
    """A file of a campaign, made of one moment and kept for some days."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="exports")
    table = models.CharField(max_length=10, choices=Table.choices, default=Table.CATALOG)
    format = models.CharField(max_length=10)
    query = models.TextField(blank=True, help_text="Filters, as in an address; none: all rows.")
    uses_galaxy_zoo_names = models.BooleanField(default=False)
    is_formula_safe = models.BooleanField(
        default=True, help_text="In CSV, texts that a spreadsheet might run get an apostrophe."
    )
    is_debiased = models.BooleanField(
        default=False, help_text="With fractions corrected for redshift."
    )
    snapshot_at = models.DateTimeField(null=True, blank=True)
    n_rows = models.BigIntegerField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    forgotten_at = models.DateTimeField(null=True, blank=True, help_text="The file is gone.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by", "format"],
                condition=Q(status__in=(WorkStatus.PENDING, WorkStatus.RUNNING)),
                name="export_one_a_person_and_format",
            )
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of {self.workflow_id}"

    @property
    def file_name(self) -> str:
        """What a browser calls the file."""
        suffix = FORMATS[self.format].suffix
        return f"{self.workflow.slug}-{self.table}-{self.pk}{suffix}"

    @property
    def path(self) -> Path:
        """Where the file lies once it is whole."""
        return Path(settings.EXPORTS_ROOT, str(self.pk) + FORMATS[self.format].suffix)

    @property
    def has_file(self) -> bool:
        """True while it can be downloaded."""
        return self.status == WorkStatus.DONE and self.forgotten_at is None

    @property
    def format_name(self) -> str:
        """What the format is called."""
        return FORMATS[self.format].name


class Release(BackgroundWork):
    """A numbered catalog that never changes once it is made: files, checksums, citation."""

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="releases")
    number = models.IntegerField(help_text="1 is the campaign's first.")
    title = models.CharField(max_length=200)
    authors: "models.JSONField[Any, Any]" = models.JSONField(help_text="Names, in their order.")
    description = models.TextField(blank=True)
    license = models.CharField(max_length=40, help_text="Its SPDX identifier.")
    doi = models.CharField(max_length=100, blank=True)
    address = models.URLField(blank=True, help_text="Of its page, as it was made.")
    software = models.CharField(max_length=60, help_text="Name and version of what made it.")
    snapshot_at = models.DateTimeField(null=True, blank=True)
    n_rows = models.BigIntegerField(null=True, blank=True)
    files: "models.JSONField[Any, Any]" = models.JSONField(
        default=list, blank=True, help_text="Name, size in bytes and SHA-256 of each."
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_why = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="release_numbered_once")
        ]

    def __str__(self) -> str:
        return f"{self.title}, release {self.number}"

    @property
    def folder(self) -> Path:
        """Where its files lie once all of them are whole."""
        return Path(settings.RELEASES_ROOT, self.workflow.slug, str(self.number))

    @property
    def is_published(self) -> bool:
        """True once it is whole, and while it is not withdrawn."""
        return self.status == WorkStatus.DONE and self.withdrawn_at is None
