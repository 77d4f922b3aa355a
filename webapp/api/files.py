"""Files for scientists: asked for, waited for, fetched; and the releases of a campaign."""

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from inference.errors import shown
from webapp.api import paging
from webapp.api.permissions import user_of
from webapp.api.problems import Refused
from webapp.api.resource import Resource
from webapp.api.schema import PAGING, paged
from webapp.api.serializers import ExportRequestSerializer, ExportSerializer, ReleaseSerializer
from webapp.exports import queries, services
from webapp.exports.models import Export
from webapp.exports.views import file_response


class Exports(Resource):
    """The files that whoever asks has asked for."""

    is_list = True

    @extend_schema(operation_id="exports", responses=paged(ExportSerializer), parameters=PAGING)
    def get(self, request: Request) -> Response:
        """List the files that you have asked for, the oldest first."""
        place = self.place()
        own = Export.objects.filter(requested_by=user_of(request), pk__gt=place.after)
        rows = list(own.select_related("workflow").order_by("pk")[: place.limit + 1])
        page, has_more = paging.cut(rows, place)
        after = page[-1].pk if has_more else None
        return self.page(ExportSerializer, page, place, after=after)

    @extend_schema(
        operation_id="request_export",
        request=ExportRequestSerializer,
        responses={202: ExportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask for a file; its address, which the answer has, says how far it is."""
        fields = _fields(request)
        workflow = self.campaign(fields.pop("workflow"))
        made = services.request_export(workflow=workflow, asked_by=user_of(request), **fields)
        place = reverse("api:export", args=[made.pk], request=request)
        content = ExportSerializer(made, context={"request": request}).data
        return Response(content, status=202, headers={"Location": place})


class OneExport(Resource):
    """One file."""

    @extend_schema(operation_id="export", responses=ExportSerializer)
    def get(self, request: Request, export_id: int) -> Response:
        """Say how far a file is, and where it is once it is done."""
        found = _own(request, export_id)
        return Response(ExportSerializer(found, context={"request": request}).data)


class ExportFile(Resource):
    """The content of one file."""

    # As it lies on disk: most formats are compressed already, and a tag would read it twice.
    dispatch = APIView.dispatch

    @extend_schema(operation_id="export_file", responses={(200, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, export_id: int) -> HttpResponse:
        """Answer a file that is done."""
        try:
            return file_response(_own(request, export_id))
        except Http404:
            raise NotFound(
                f"Export {export_id} has no file: it is not done, or not kept any more."
            ) from None


class Cancelling(Resource):
    """The end of a file that is not wanted any more."""

    @extend_schema(operation_id="cancel_export", request=None, responses={202: ExportSerializer})
    def post(self, request: Request, export_id: int) -> Response:
        """Ask for the work on a file to stop; it does so at its next step."""
        services.cancel_export(export=_own(request, export_id), by=user_of(request))
        found = _own(request, export_id)
        return Response(ExportSerializer(found, context={"request": request}).data, status=202)


class Releases(Resource):
    """The releases of a campaign."""

    is_list = True

    @extend_schema(operation_id="releases", responses=paged(ReleaseSerializer), parameters=PAGING)
    def get(self, request: Request, slug: str) -> Response:
        """List the frozen catalogs of a campaign, withdrawn ones too."""
        workflow, place = self.campaign(slug), self.place()
        own = queries.releases_of(workflow, user_of(request))
        found = own.filter(pk__gt=place.after).order_by("pk")
        page, has_more = paging.cut(list(found[: place.limit + 1]), place)
        after = page[-1].pk if has_more else None
        return self.page(ReleaseSerializer, page, place, after=after)


def _own(request: Request, export_id: int) -> Export:
    rows = Export.objects.select_related("workflow").filter(requested_by=user_of(request))
    found = rows.filter(pk=export_id).first()
    if found is None:
        raise NotFound(f"You have asked for no export {export_id}: /api/exports/ lists yours.")
    return found


def _fields(request: Request) -> dict[str, Any]:
    """Return what is asked for.

    Raises:
        Refused: it is no object, or has a field that means nothing here.
    """
    if not isinstance(request.data, dict):
        raise Refused("Send one JSON object with the fields workflow and format.")
    shape = ExportRequestSerializer(data=request.data)
    for name in request.data:
        if name not in shape.fields:
            raise Refused(f"{shown(name)} is no field here: use {', '.join(shape.fields)}.")
    shape.is_valid(raise_exception=True)
    return dict(shape.validated_data)
