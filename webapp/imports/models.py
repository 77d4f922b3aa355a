"""What came in from other projects, and where each piece of it came from."""

from django.db import models

from webapp.accounts.models import Volunteer
from webapp.classifications.models import Classification
from webapp.common.models import BackgroundWork
from webapp.subjects.models import SubjectSet
from webapp.workflows.models import TreeVersion, Workflow

ZOONIVERSE = "zooniverse"


class Kind(models.TextChoices):
    """What a file holds."""

    WORKFLOWS = "workflows", "Zooniverse: versions of workflows"
    SUBJECTS = "subjects", "Zooniverse: subjects"
    CLASSIFICATIONS = "classifications", "Zooniverse: classifications"
    TALLIES = "tallies", "table of votes: one row a galaxy"


class ImportBatch(BackgroundWork):
    """A file of another project, read row by row: each comes in, is known, or is refused."""

    kind = models.CharField(max_length=15, choices=Kind.choices)
    source = models.TextField(help_text="Path of the file on the server.")
    source_name = models.CharField(max_length=255, help_text="The name the person knows it by.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file.")
    external_workflow = models.CharField(
        max_length=40, blank=True, help_text="Only rows of this workflow there; empty: any."
    )
    workflow = models.ForeignKey(
        Workflow, models.CASCADE, related_name="imports", null=True, blank=True
    )
    subject_set = models.ForeignKey(
        SubjectSet, models.CASCADE, related_name="imports", null=True, blank=True
    )
    n_added = models.IntegerField(default=0)
    n_known = models.IntegerField(default=0, help_text="Rows that had come in before.")
    n_refused = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "import batches"

    def __str__(self) -> str:
        return f"import {self.pk} of {self.source_name}"


class ImportProblem(models.Model):
    """A row that was refused, and why."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="problems")
    row_number = models.IntegerField(help_text="1 is the first after the header.")
    name = models.CharField(max_length=255, blank=True, help_text="Its id in the file.")
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "row_number"], name="import_problem_once_a_row"
            )
        ]

    def __str__(self) -> str:
        return f"row {self.row_number}: {self.reason}"


class ImportedVersion(models.Model):
    """The tree that a version of another project's workflow asked along."""

    external_workflow = models.CharField(max_length=40)
    version = models.CharField(max_length=40, help_text="Text: 4.10 is not 4.1.")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="+")
    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="versions")
    is_inferred = models.BooleanField(
        default=False, help_text="Out of answers, not out of what the project says of it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["external_workflow", "version"], name="imported_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"workflow {self.external_workflow} version {self.version}"


class ImportedVolunteer(models.Model):
    """Who stands for a person of another project; their name there is not kept."""

    volunteer = models.OneToOneField(Volunteer, models.CASCADE, related_name="imported")
    source = models.CharField(max_length=40)
    name_hash = models.CharField(max_length=64, help_text="With a key that is not stored here.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "name_hash"], name="imported_volunteer_once")
        ]

    def __str__(self) -> str:
        return f"volunteer {self.volunteer_id} of {self.source}"


class ImportedClassification(models.Model):
    """Where a classification came from."""

    classification = models.OneToOneField(Classification, models.PROTECT, related_name="imported")
    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="classifications")
    external_id = models.CharField(max_length=40, help_text="Its id there.")
    external_workflow = models.CharField(max_length=40)
    version = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"classification {self.external_id} of {self.external_workflow}"
