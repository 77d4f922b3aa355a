"""What volunteers answered, one walk through the tree after the other; who they are stays here."""

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api import paging
from webapp.api.galaxies import id_of
from webapp.api.resource import Resource
from webapp.api.schema import PAGING, paged, parameter
from webapp.api.serializers import ClassificationSerializer
from webapp.classifications.models import Classification, Standing
from webapp.exports.pseudonyms import person_of, pseudonym
from webapp.workflows.models import TreeVersion, Workflow


class Classifications(Resource):
    """The classifications of a campaign by growing number."""

    is_list = True
    parameters = ("subject",)

    @extend_schema(
        operation_id="classifications",
        responses=paged(ClassificationSerializer),
        parameters=[*PAGING, parameter("subject", "Only of the galaxy with this id.", int)],
    )
    def get(self, request: Request, slug: str) -> Response:
        """List what volunteers answered, whether it counts, and if not, why."""
        workflow, place = self.campaign(slug), self.place()
        wanted = Q(workflow=workflow, pk__gt=place.after)
        if "subject" in request.query_params:
            wanted &= Q(subject=id_of("subject", request.query_params["subject"]))
        rows = Classification.objects.filter(wanted).order_by("pk")
        joined = rows.select_related("volunteer", "subject", "standing")
        page, has_more = paging.cut(list(joined[: place.limit + 1]), place)
        said = [_said(row, workflow) for row in page]
        after = page[-1].pk if has_more else None
        return self.page(ClassificationSerializer, said, place, after=after)


def _said(row: Classification, workflow: Workflow) -> dict[str, Any]:
    version = TreeVersion.objects.known(row.tree_id)
    names = [version.tree.name(answer) for answer in version.tree.answers]
    standing: Standing | None = getattr(row, "standing", None)
    state = standing.state if standing else Standing.State.REPEAT
    return {
        "id": row.uuid,
        "subject_id": row.subject_id,
        "survey_id": row.subject.survey_id,
        "volunteer": pseudonym(person_of(row.volunteer.user_id, row.volunteer.uuid), workflow.pk),
        "tree_sha256": version.sha256,
        "answers": [names[place] for place in row.path],
        "is_counted": state == Standing.State.COUNTED,
        "state": str(state),
        "weight": standing.weight if standing else None,
        "received_at": row.received_at,
    }
