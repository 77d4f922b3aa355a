"""Galaxies and how they come in."""

import math
from collections.abc import Sequence
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.common.models import BackgroundWork, WorkStatus
from webapp.subjects import media
from webapp.subjects.cones import Cone
from webapp.workflows.models import Workflow


class SubjectSetQuerySet(models.QuerySet["SubjectSet"]):
    """Filters on sets."""

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Keep those that this person may see and add to: their own, or all for an administrator.

        A set without owners is the administrators' alone.
        """
        if not isinstance(user, User) or not user.may_own_workflows:
            return self.none()
        return self if user.is_superuser else self.filter(owners=user)


class SubjectSet(models.Model):
    """A named set of galaxies; it points to the campaigns that ask about them."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    credit = models.TextField(
        blank=True, help_text="Who took the pictures, and under what license."
    )
    version = models.BigIntegerField(default=0, help_text="Grows with every chunk of new galaxies.")
    workflows = models.ManyToManyField(
        Workflow, through="SetLink", related_name="subject_sets", blank=True
    )
    owners = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="subject_sets", blank=True
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = SubjectSetQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class SetLink(models.Model):
    """A campaign asks about this set; its galaxies are admitted up to a version of the set."""

    subject_set = models.ForeignKey(SubjectSet, models.CASCADE, related_name="links")
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="links")
    is_linked = models.BooleanField(default=True, help_text="False: its galaxies are withdrawn.")
    admitted_version = models.BigIntegerField(
        default=-1, help_text="Behind the set's version: galaxies wait to be admitted."
    )
    admitted_subject_id = models.BigIntegerField(
        default=0,
        help_text="Galaxies up to this id have been admitted; a set's ids grow as they commit.",
    )
    has_withdrawn = models.BooleanField(
        default=False, help_text="Some of its galaxies are withdrawn from the campaign."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject_set", "workflow"], name="link_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject_set} in {self.workflow}"


class SubjectQuerySet(models.QuerySet["Subject"]):
    """Filters on galaxies."""

    def within(self, cone: Cone) -> Self:
        """Keep those in a circle on the sky."""
        return self.filter(InCone(cone))


class InCone(models.Expression):
    """Whether a galaxy is in a circle: by ranges of cells, which an index has, and by the angle.

    One expression: as many conditions of Django's own would cost more than the search.
    """

    conditional = True

    def __init__(self, cone: Cone) -> None:
        super().__init__(output_field=models.BooleanField())
        self.cone = cone
        self.columns: list[Any] = [F("healpix"), F("ra_deg"), F("dec_deg")]

    def get_source_expressions(self) -> list[Any]:
        """Return the columns that it is made of."""
        return self.columns

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        """Take the columns as the query names them."""
        self.columns = list(exprs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002
        """Return the condition with its values."""
        cell, ra, dec = (compiler.compile(column)[0] for column in self.columns)
        if self.cone.radius_deg >= 180:
            return f"{cell} IS NOT NULL", ()
        ranges = self.cone.ranges()
        near = " OR ".join([f"{cell} >= %s AND {cell} < %s"] * len(ranges))
        across = f"sin(radians({dec} - %s) / 2) ^ 2"
        along = f"%s * cos(radians({dec})) * sin(radians({ra} - %s) / 2) ^ 2"
        of_angle = [
            self.cone.dec_deg,
            math.cos(math.radians(self.cone.dec_deg)),
            self.cone.ra_deg,
            math.sin(math.radians(self.cone.radius_deg) / 2) ** 2,
        ]
        edges = [edge for one in ranges for edge in one]
        return f"(({near}) AND {across} + {along} <= %s)", (*edges, *of_angle)


class Subject(models.Model):
    """A galaxy: one picture of it, and what its survey says. Originals are never changed."""

    subject_set = models.ForeignKey(SubjectSet, models.PROTECT, related_name="subjects")
    survey_id = models.CharField(max_length=200, help_text="The survey's name, unique in its set.")
    ra_deg = models.FloatField(null=True, blank=True, help_text="ICRS right ascension, degrees.")
    dec_deg = models.FloatField(null=True, blank=True, help_text="ICRS declination, degrees.")
    healpix = models.BigIntegerField(
        null=True, blank=True, help_text="HEALPix cell, nested, order 29."
    )
    pixel_scale_arcsec = models.FloatField(
        null=True, blank=True, help_text="Arcseconds a pixel of the display picture."
    )
    north_deg = models.FloatField(
        null=True, blank=True, help_text="Angle of north on the picture, from up, counterclockwise."
    )
    is_mirrored = models.BooleanField(null=True, blank=True, help_text="East is right of north.")
    original_name = models.CharField(max_length=255, help_text="Name of the file as it came in.")
    original_sha256 = models.CharField(max_length=64)
    original_format = models.CharField(max_length=4, help_text="jpeg, png or fits.")
    display_sha256 = models.CharField(max_length=64)
    thumbnail_sha256 = models.CharField(max_length=64)
    stamp_sha256 = models.CharField(max_length=64, help_text="The picture at model size.")
    bands: "models.JSONField[Any, Any]" = models.JSONField(
        null=True,
        blank=True,
        help_text="Name and SHA-256 of each band's display picture, bluest first.",
    )
    width_px = models.IntegerField(help_text="Of the display picture.")
    height_px = models.IntegerField(help_text="Of the display picture.")
    filled_share = models.FloatField(default=0.0, help_text="Share of pixels without a value.")
    notes = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    metadata: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, help_text="Columns as they came; # hidden, ! hidden while voting."
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = SubjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_set", "survey_id"], name="subject_once_in_its_set"
            ),
            models.CheckConstraint(
                condition=Q(ra_deg__isnull=True, dec_deg__isnull=True, healpix__isnull=True)
                | Q(
                    ra_deg__gte=0,
                    ra_deg__lt=360,
                    dec_deg__gte=-90,
                    dec_deg__lte=90,
                    healpix__isnull=False,
                ),
                name="subject_position_whole_or_absent",
            ),
        ]
        indexes = [
            models.Index(fields=["healpix"], name="subject_healpix"),
            models.Index(fields=["subject_set", "id"], name="subject_of_set"),
            models.Index(fields=["original_sha256"], name="subject_original"),
        ]

    def __str__(self) -> str:
        return self.survey_id

    @property
    def display_url(self) -> str:
        """Where the picture that volunteers look at is served."""
        return media.url("display", self.display_sha256) if self.display_sha256 else _no_picture()

    @property
    def band_urls(self) -> list[tuple[str, str]]:
        """Name of each single band and where its picture is served; empty if there is but one."""
        return [(name, media.url("display", sha256)) for name, sha256 in self.bands or []]

    @property
    def thumbnail_url(self) -> str:
        """Where the small picture is served."""
        return (
            media.url("thumbnail", self.thumbnail_sha256)
            if self.thumbnail_sha256
            else _no_picture()
        )


def _no_picture() -> str:
    """Return what is shown of a galaxy that came in without a picture."""
    return static("img/no-picture.svg")


class SourceKind(models.TextChoices):
    """What an ingest reads."""

    FOLDER = "folder", _("folder of pictures")
    ZIP = "zip", _("ZIP file of pictures")
    MANIFEST = "manifest", _("CSV manifest with its pictures")


class Phase(models.TextChoices):
    """What an ingest is doing: first every row is looked at, then good ones are stored."""

    CHECK = "check", _("checking")
    STORE = "store", _("storing")


class IngestBatch(BackgroundWork):
    """Galaxies coming in from one folder, ZIP file or manifest."""

    subject_set = models.ForeignKey(SubjectSet, models.PROTECT, related_name="batches")
    kind = models.CharField(max_length=10, choices=SourceKind.choices)
    source = models.TextField(help_text="Path of the folder, ZIP file or manifest on the server.")
    picture_folder = models.TextField(
        blank=True, help_text="Folder or ZIP file in which a manifest's pictures lie."
    )
    source_name = models.CharField(max_length=255, help_text="The name the person knows it by.")
    is_dry_run = models.BooleanField(default=False)
    keeps_good_rows = models.BooleanField(
        default=False, help_text="False: a single bad row keeps every row out."
    )
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.CHECK)
    fingerprint = models.TextField(blank=True, help_text="Of the source, to see that it changed.")
    notes = ArrayField(
        models.TextField(), default=list, blank=True, help_text="What was understood of the source."
    )
    n_added = models.IntegerField(default=0)
    n_known = models.IntegerField(default=0, help_text="Rows that were already in the set.")
    n_bad = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "ingest batches"

    def __str__(self) -> str:
        return f"ingest {self.pk} of {self.source_name}"

    @property
    def n_good(self) -> int:
        """Rows that would come in, of those that have been looked at."""
        return max(0, self.n_done - self.n_known - self.n_bad)

    @property
    def is_checked(self) -> bool:
        """True if all rows have been looked at and nothing was stored: somebody has to decide."""
        return self.status == WorkStatus.DONE and self.phase == Phase.CHECK


class IngestProblem(models.Model):
    """A row that cannot come in, and why."""

    batch = models.ForeignKey(IngestBatch, models.CASCADE, related_name="problems")
    row_number = models.IntegerField(help_text="Line of the manifest, or number of the file.")
    name = models.CharField(max_length=255, blank=True)
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "row_number"], name="problem_once_a_row")
        ]

    def __str__(self) -> str:
        return f"row {self.row_number}: {self.reason}"
