"""Campaigns and their networks."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from webapp.api import paging
from webapp.api.permissions import user_of
from webapp.api.resource import Resource
from webapp.api.schema import PAGING, paged
from webapp.api.serializers import ModelSerializer, WholeWorkflowSerializer, WorkflowSerializer
from webapp.explore.access import visible
from webapp.registry.queries import active_model, models_of
from webapp.workflows.models import Workflow


class Workflows(Resource):
    """The campaigns that whoever asks may look at."""

    is_list = True

    @extend_schema(operation_id="workflows", responses=paged(WorkflowSerializer), parameters=PAGING)
    def get(self, request: Request) -> Response:
        """List your own campaigns, and those that are open to all."""
        place = self.place()
        seen = Workflow.objects.filter(pk__in=visible(user_of(request)), pk__gt=place.after)
        ordered = seen.with_tree().order_by("pk")
        rows, has_more = paging.cut(list(ordered[: place.limit + 1]), place)
        after = rows[-1].pk if has_more else None
        return self.page(WorkflowSerializer, rows, place, after=after)


class OneWorkflow(Resource):
    """One campaign."""

    @extend_schema(operation_id="workflow", responses=WholeWorkflowSerializer)
    def get(self, request: Request, slug: str) -> Response:  # noqa: ARG002
        """Show a campaign with its tree and its rule."""
        return Response(WholeWorkflowSerializer(self.campaign(slug)).data)


class Models(Resource):
    """The networks of a campaign."""

    is_list = True

    @extend_schema(operation_id="models", responses=paged(ModelSerializer), parameters=PAGING)
    def get(self, request: Request, slug: str) -> Response:  # noqa: ARG002
        """List the networks that a campaign may use, and which one it uses."""
        workflow, place = self.campaign(slug), self.place()
        active = active_model(workflow)
        found = models_of(workflow).filter(pk__gt=place.after).order_by("pk")
        rows, has_more = paging.cut(list(found[: place.limit + 1]), place)
        after = rows[-1].pk if has_more else None
        used = active.pk if active else None
        return self.page(ModelSerializer, rows, place, after=after, active=used)


class Root(Resource):
    """Where everything begins."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Name the addresses to begin with."""
        names = {"workflows": "workflows", "exports": "exports", "docs": "docs",
                 "openapi": "openapi"}  # fmt: skip
        return Response(
            {key: reverse(f"api:{name}", request=request) for key, name in names.items()}
        )


class Nowhere(Resource):
    """Whatever else begins with /api/: refused as a program expects it, not as a page."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:  # noqa: ARG002
        """Say that there is nothing."""
        raise Http404

    post = put = patch = delete = get
