"""Copies of catalogs, column by column, from which pages are made at once."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from webapp.common.models import BackgroundWork
from webapp.workflows.models import TreeVersion, Workflow


class Edition(BackgroundWork):
    """A campaign's catalog as it was at an instant; made anew when votes have changed it.

    It is the same work again and again, like a network's space: a number tells the copies apart,
    and pages read that of `number` until the next is whole.
    """

    workflow = models.OneToOneField(Workflow, models.CASCADE, related_name="edition")
    number = models.BigIntegerField(default=0, help_text="0: none is whole yet.")
    tree = models.ForeignKey(
        TreeVersion, models.PROTECT, related_name="+", null=True, db_index=False
    )
    metadata: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, help_text="Kinds of what its surveys say, by name."
    )
    is_debiased = models.BooleanField(
        default=False, help_text="With fractions corrected for redshift."
    )
    n_rows = models.IntegerField(default=0, help_text="Galaxies.")
    fingerprint = models.TextField(blank=True, help_text="Of the rows that it was made of.")
    as_of = models.DateTimeField(null=True, blank=True)
    took_s = models.FloatField(default=0.0, help_text="What it cost; it is rationed by it.")

    def __str__(self) -> str:
        return f"edition {self.number} of {self.workflow_id}"


class EditionColumn(models.Model):
    """The values of one column of one edition, a galaxy after the other."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    number = models.BigIntegerField()
    name = models.CharField(max_length=63)
    dtype = models.CharField(max_length=16, help_text="As NumPy writes it.")
    values = models.BinaryField(help_text="Numbers, or places in the list of texts.")
    texts = models.BinaryField(null=True, help_text="JSON: the different texts, compressed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "number", "name"], name="edition_column_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of edition {self.number}"


class SavedView(models.Model):
    """Filters of a catalog that somebody has given a name; kept as they were written."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.TextField(blank=True, help_text='The part of the address after "?".')
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "user", "name"], name="saved_view_once_a_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
