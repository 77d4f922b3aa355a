"""Galaxies of a campaign, and what networks and volunteers said of them, one by one."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inference.errors import shown
from webapp.api import paging
from webapp.api.problems import Refused
from webapp.api.resource import Resource
from webapp.api.schema import PAGING, paged, parameter
from webapp.api.serializers import PredictionSerializer, SubjectSerializer
from webapp.predictions.models import Prediction
from webapp.registry.models import ModelVersion
from webapp.registry.queries import active_model
from webapp.subjects.cones import Cone
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

RANGES = {"ra_deg": (0, 360), "dec_deg": (-90, 90), "radius_deg": (0, 180)}
CONE = tuple(RANGES)
_ID = re.compile(r"\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


class Subjects(Resource):
    """Galaxies of a campaign by growing id."""

    is_list = True
    parameters = ("survey", *CONE)

    @extend_schema(
        operation_id="subjects",
        responses=paged(SubjectSerializer),
        parameters=[
            *PAGING,
            parameter("survey", "Only those of this set."),
            *(parameter(name, "ICRS degrees; all three, or none.", float) for name in CONE),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        """List galaxies, or those in a cone: ?ra_deg=&dec_deg=&radius_deg= (ICRS degrees)."""
        workflow, place = self.campaign(slug), self.place()
        found = self._found(workflow, place, request.query_params)
        rows, has_more = paging.cut(list(found[: place.limit + 1]), place)
        after = rows[-1].pk if has_more else None
        return self.page(SubjectSerializer, rows, place, after=after)

    def _found(
        self, workflow: Workflow, place: paging.Place, query: Mapping[str, str]
    ) -> QuerySet[Subject]:
        rows = Subject.objects.filter(consensus__workflow=workflow, pk__gt=place.after)
        if "survey" in query:
            sets = workflow.subject_sets.filter(slug=query["survey"].replace("\0", "?"))
            if not sets:
                names = ", ".join(workflow.subject_sets.values_list("slug", flat=True)[:10])
                raise Refused(
                    f"survey={shown(query['survey'])} is no set of this campaign; it has: {names}."
                )
            rows = rows.filter(subject_set__in=sets)
        if cone := cone_of(query):
            rows = rows.within(cone)
        return rows.select_related("subject_set").order_by("pk")


class Predictions(Resource):
    """What a network says of a campaign's galaxies, by growing id of the galaxy."""

    is_list = True
    parameters = ("model", "subject")

    @extend_schema(
        operation_id="predictions",
        responses=paged(PredictionSerializer),
        parameters=[
            *PAGING,
            parameter("model", "SHA-256 of a network, or its first digits; else the active one."),
            parameter("subject", "Only of the galaxy with this id.", int),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        """List what the active network, or the one that is named, says of the galaxies."""
        workflow, place = self.campaign(slug), self.place()
        model = _model(workflow, request.query_params.get("model"))
        if model is None:
            return self.page(PredictionSerializer, [], place, after=None)
        rows = Prediction.objects.filter(
            model=model, subject__consensus__workflow=workflow, subject_id__gt=place.after
        )
        if "subject" in request.query_params:
            rows = rows.filter(subject=id_of("subject", request.query_params["subject"]))
        ordered = rows.select_related("subject").defer("embedding").order_by("subject_id")
        page, has_more = paging.cut(list(ordered[: place.limit + 1]), place)
        tree = model.tree.tree
        names = [tree.name(answer) for answer in tree.answers]
        said = [_said(row, model, names) for row in page]
        after = page[-1].subject_id if has_more else None
        return self.page(PredictionSerializer, said, place, after=after)


def _said(row: Prediction, model: ModelVersion, names: Sequence[str]) -> dict[str, Any]:
    numbers = row.concentrations
    return {
        "subject_id": row.subject_id,
        "survey_id": row.subject.survey_id,
        "model": model.sha256,
        "concentrations": numbers and dict(zip(names, numbers, strict=True)),
        "ignorance": row.ignorance,
        "error": row.error,
        "predicted_at": row.predicted_at,
    }


def _model(workflow: Workflow, named: str | None) -> ModelVersion | None:
    """Return the network that is named, else the active one.

    Raises:
        Refused: no network of this campaign has this hash.
    """
    if named is None:
        return active_model(workflow)
    rows = ModelVersion.objects.seen_by(workflow).select_related("tree")
    found = list(rows.filter(sha256__startswith=named)[:2]) if _SHA256.fullmatch(named) else []
    if len(found) != 1:
        raise Refused(
            f"model={shown(named)} is no network of this campaign: give its SHA-256, as its list of"
            f" models has it."
        )
    return found[0]


def cone_of(query: Mapping[str, str]) -> Cone | None:
    """Return the circle that is asked for, or None.

    Raises:
        Refused: half of it is missing, or a number is none or out of range.
    """
    missing = [name for name in CONE if name not in query]
    if len(missing) == len(CONE):
        return None
    if missing:
        raise Refused(f"A cone needs {', '.join(missing)} too: give all three of {CONE}.")
    ra_deg, dec_deg, radius_deg = (number_of(name, query[name]) for name in CONE)
    for name, value in zip(CONE, (ra_deg, dec_deg, radius_deg), strict=True):
        low, high = RANGES[name]
        if not low <= value <= high:
            raise Refused(f"{name}={value:g} is outside {low} to {high} degrees: correct it.")
    return Cone(ra_deg % 360, dec_deg, radius_deg)


def number_of(name: str, text: str) -> float:
    """Return a decimal number.

    Raises:
        Refused: it is none.
    """
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise Refused(f"{name}={shown(text)} is no number: give decimal degrees.")
    return float(text)


def id_of(name: str, text: str) -> int:
    """Return an id.

    Raises:
        Refused: it is none.
    """
    if not _ID.fullmatch(text):
        raise Refused(f"{name}={shown(text)} is no id: give a whole number.")
    return int(text)
