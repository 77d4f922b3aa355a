"""The shape of what the API answers."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.common.models import WorkStatus
from webapp.exports.citation import of_release
from webapp.registry.models import ModelVersion
from webapp.registry.models import Status as ModelStatus
from webapp.subjects.models import Subject
from webapp.workflows.models import Status, Workflow

MARKS = "#!%"  # of columns in a manifest that are hidden, or hidden while voting


class SubjectSerializer(serializers.ModelSerializer[Subject]):
    """A galaxy: its picture, and what its survey says."""

    survey = serializers.CharField(source="subject_set.slug", help_text="The set it is in.")
    picture = serializers.SerializerMethodField(help_text="Address of the picture shown.")
    metadata = serializers.SerializerMethodField(help_text="As it came in.")

    class Meta:
        model = Subject
        fields = [
            "id", "survey_id", "survey", "ra_deg", "dec_deg", "pixel_scale_arcsec", "north_deg",
            "is_mirrored", "width_px", "height_px", "filled_share", "picture", "metadata",
        ]  # fmt: skip

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_picture(self, subject: Subject) -> str:
        return str(self.context["request"].build_absolute_uri(subject.display_url))

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_metadata(self, subject: Subject) -> dict[str, Any]:
        return {name.lstrip(MARKS).strip(): value for name, value in subject.metadata.items()}


class WorkflowSerializer(serializers.Serializer[Workflow]):
    """A campaign."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    summary = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Status.choices)
    version = serializers.CharField(help_text="Grows with the tree: major, minor.")
    tree_sha256 = serializers.CharField(source="tree.sha256")
    launched_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class WholeWorkflowSerializer(WorkflowSerializer):
    """A campaign with its tree and its rule."""

    tree = serializers.SerializerMethodField(help_text="The questions and answers.")
    rule = serializers.SerializerMethodField(help_text="When a galaxy has enough votes.")
    license = serializers.SerializerMethodField(help_text="Under which its votes are published.")

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_tree(self, workflow: Workflow) -> Any:
        import json  # noqa: PLC0415 - the document is text, since its bytes are hashed

        return json.loads(workflow.tree.document)

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_rule(self, workflow: Workflow) -> Any:
        return workflow.rule

    def get_license(self, workflow: Workflow) -> str:  # noqa: ARG002
        return str(settings.VOTES_LICENSE)


class ModelSerializer(serializers.Serializer[ModelVersion]):
    """A network that a campaign may use."""

    id = serializers.IntegerField(source="pk")
    sha256 = serializers.CharField(help_text="Of its file, which is its version.")
    name = serializers.CharField()
    tree_sha256 = serializers.CharField(source="tree.sha256")
    status = serializers.ChoiceField(choices=ModelStatus.choices)
    is_active = serializers.SerializerMethodField(help_text="The campaign uses it now.")
    metrics = serializers.SerializerMethodField(help_text="As its card has them.")
    trained_at = serializers.DateTimeField()
    registered_at = serializers.DateTimeField()

    def get_is_active(self, model: ModelVersion) -> bool:
        return bool(model.pk == self.context["active"])

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_metrics(self, model: ModelVersion) -> Any:
        return model.metrics


class PredictionSerializer(serializers.Serializer[Any]):
    """What a network says of a galaxy, along the answers of its own tree."""

    subject_id = serializers.IntegerField()
    survey_id = serializers.CharField()
    model = serializers.CharField(help_text="SHA-256 of the network's file.")
    concentrations = serializers.DictField(
        child=serializers.FloatField(), allow_null=True, help_text="By answer; null: see error."
    )
    ignorance = serializers.FloatField(allow_null=True, help_text="Nats.")
    error = serializers.CharField(allow_blank=True, help_text="Why it can say nothing.")
    predicted_at = serializers.DateTimeField()


class ClassificationSerializer(serializers.Serializer[Any]):
    """One volunteer's walk through the tree; the volunteer is a pseudonym."""

    id = serializers.UUIDField()
    subject_id = serializers.IntegerField()
    survey_id = serializers.CharField()
    volunteer = serializers.CharField(help_text="Stands for one person in this campaign.")
    tree_sha256 = serializers.CharField()
    answers = serializers.ListField(child=serializers.CharField(), help_text="Question.answer.")
    is_counted = serializers.BooleanField()
    state = serializers.CharField(help_text="counted, or why it is not.")
    weight = serializers.FloatField(allow_null=True)
    received_at = serializers.DateTimeField()


class ExportRequestSerializer(serializers.Serializer[Any]):
    """A file that is asked for."""

    workflow = serializers.CharField(max_length=60, help_text="The campaign's slug.")
    format = serializers.CharField(max_length=20)
    table = serializers.CharField(max_length=20, default="catalog")
    query = serializers.CharField(
        max_length=4000, default="", allow_blank=True, help_text="Filters, as in an address."
    )
    uses_galaxy_zoo_names = serializers.BooleanField(default=False)
    is_formula_safe = serializers.BooleanField(default=True)


class ExportSerializer(serializers.Serializer[Any]):
    """A file that somebody asked for, and how far it is."""

    id = serializers.IntegerField(source="pk")
    workflow = serializers.CharField(source="workflow.slug")
    format = serializers.CharField()
    table = serializers.CharField()
    query = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=WorkStatus.choices)
    percent = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    n_rows = serializers.IntegerField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(allow_blank=True)
    snapshot_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    file = serializers.SerializerMethodField(help_text="Its address once it is done, else null.")

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_file(self, export: Any) -> str | None:
        if export.status != WorkStatus.DONE:
            return None
        address = reverse("api:export_file", args=[export.pk])
        return str(self.context["request"].build_absolute_uri(address))


class ReleaseFileSerializer(serializers.Serializer[Any]):
    """A file of a release; its address is that of the page with `files/` and its name."""

    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class ReleaseSerializer(serializers.Serializer[Any]):
    """A catalog that is frozen for ever."""

    number = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=WorkStatus.choices)
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_why = serializers.CharField(allow_blank=True)
    snapshot_at = serializers.DateTimeField(allow_null=True)
    n_rows = serializers.IntegerField(allow_null=True)
    license = serializers.CharField(help_text="Its SPDX identifier.")
    doi = serializers.CharField(allow_blank=True)
    citation = serializers.SerializerMethodField(help_text="The sentence to cite it by.")
    page = serializers.SerializerMethodField(help_text="Its address, for ever.")
    files = ReleaseFileSerializer(many=True)

    @extend_schema_field({"type": "string"})
    def get_citation(self, release: Any) -> str:
        return of_release(release).sentence

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_page(self, release: Any) -> str:
        address = reverse("exports:release", args=[release.workflow.slug, release.number])
        return str(self.context["request"].build_absolute_uri(address))
