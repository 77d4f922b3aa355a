"""The catalog as JSON: its columns, and its rows by the same filters as the pages."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from inference.errors import shown
from inference.formats.tree import Tree
from webapp.api import paging
from webapp.api.problems import Refused
from webapp.api.rendering import plain
from webapp.api.resource import Resource
from webapp.api.rows import evidence_of
from webapp.api.schema import CATALOG_PAGE, CATALOG_ROW, COLUMNS, PAGING, parameter
from webapp.consensus.models import Consensus
from webapp.explore.models import Edition
from webapp.exports.columns import Column, Kind, catalog_columns, computed
from webapp.exports.evidence import Evidence
from webapp.exports.selection import OF_PAGES, Selection
from webapp.subjects import cones
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

AT_ONCE = 1000  # galaxies that are looked at together
MOST_LOOKED_AT = 20_000  # for one page: filters that hardly any galaxy meets take several pages
CHOICE = "columns"


@lru_cache(maxsize=64)
def columns_of(tree: Tree, metadata: tuple[tuple[str, Kind], ...] = ()) -> tuple[Column, ...]:
    """Return the catalog's columns of a tree; made once a process."""
    return catalog_columns(tree, dict(metadata))


def _metadata(workflow: Workflow) -> dict[str, Kind]:
    """Return what the surveys say of the galaxies, as the newest copy of the catalog has it."""
    edition = Edition.objects.filter(workflow=workflow, tree=workflow.tree_id).first()
    return {name: Kind(kind) for name, kind in edition.metadata.items()} if edition else {}


def _columns(workflow: Workflow) -> tuple[Column, ...]:
    return columns_of(workflow.tree.tree, tuple(sorted(_metadata(workflow).items())))


class Columns(Resource):
    """The columns of a campaign's catalog."""

    @extend_schema(operation_id="columns", responses={200: COLUMNS})
    def get(self, request: Request, slug: str) -> Response:  # noqa: ARG002
        """Say what each column of the catalog means: type, unit, range, and how none is written."""
        columns = _columns(self.campaign(slug))
        return Response({"columns": [column.to_json() for column in columns]})


class Catalog(Resource):
    """What is known of a campaign's galaxies, by growing id."""

    is_list = True

    @extend_schema(
        operation_id="consensus",
        responses={200: CATALOG_PAGE},
        parameters=[
            *PAGING,
            parameter(CHOICE, "Names of columns between commas; all unless told."),
            parameter("cone", "RA,DEC,RADIUS in ICRS degrees."),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the catalog's rows; any column filters, as in frac_x_y=0.2..0.8 or lead_x=y|z.

        A page may hold fewer rows than its limit, and even none, while `next` leads on.
        """
        workflow, place = self.campaign(slug), self.place()
        every = _columns(workflow)
        chosen = _chosen(request.query_params.get(CHOICE), every)
        wanted = Selection.parse(_filters(request.query_params), every)
        found, after = _page(workflow, wanted, place, every)
        rows = list(as_rows(evidence_of(workflow, found, needs(chosen)), chosen)) if found else []
        address = None if after is None else request.build_absolute_uri(place.next(after))
        return Response({"results": rows, "next": address})

    def check_parameters(self, query: QueryDict) -> None:
        """Refuse what belongs to pages, and what is given twice; filters are read elsewhere."""
        for name in (*paging.OWN, CHOICE):
            if len(query.getlist(name)) > 1:
                raise Refused(f"{name} is given {len(query.getlist(name))} times: give it once.")
        for name in sorted(OF_PAGES & query.keys() - {CHOICE}):
            raise Refused(f"{shown(name)} is a page's, not the API's: take it out.")


class Galaxy(Resource):
    """What is known of one galaxy."""

    @extend_schema(operation_id="galaxy", responses={200: CATALOG_ROW})
    def get(self, request: Request, slug: str, subject_id: int) -> Response:  # noqa: ARG002
        """Show the catalog's row of one galaxy."""
        workflow = self.campaign(slug)
        columns = _columns(workflow)
        for row in as_rows(evidence_of(workflow, [subject_id], needs(columns)), columns):
            return Response(row)
        raise NotFound(f"There is no galaxy {subject_id} in this campaign: its list has the ids.")


def needs(columns: Sequence[Column]) -> dict[str, Kind]:
    """Return which of the surveys' own columns have to be read for these."""
    return {column.source: column.kind for column in columns if column.group == "metadata"}


def as_rows(evidence: Evidence, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Yield the catalog's rows as JSON has them; unknown shares are None."""
    values = computed(evidence, columns)
    names = list(values)
    lists = [[plain(value) for value in column] for column in values.values()]
    for row in zip(*lists, strict=True):
        yield dict(zip(names, row, strict=True))


def _page(
    workflow: Workflow, wanted: Selection, place: paging.Place, every: Sequence[Column]
) -> tuple[list[int], int | None]:
    """Return the galaxies of a page, and the id after which the next begins, if there is more."""
    needed = [column for column in every if column.name in wanted.columns]
    ids: list[int] = []
    after, n_looked_at = place.after, 0
    while len(ids) <= place.limit and n_looked_at < MOST_LOOKED_AT:
        looked_at = _ids(workflow, wanted, after)
        if not looked_at:
            break
        ids += _matching(workflow, wanted, looked_at, needed)
        after, n_looked_at = looked_at[-1], n_looked_at + len(looked_at)
        if len(looked_at) < AT_ONCE:
            break
    found = ids[: place.limit]
    if len(ids) > place.limit:
        after = found[-1]
    has_more = len(ids) > place.limit or n_looked_at >= MOST_LOOKED_AT
    return found, after if has_more else None


def _ids(workflow: Workflow, wanted: Selection, after: int) -> list[int]:
    """Return the next galaxies that have to be looked at."""
    rows = Consensus.objects.filter(workflow=workflow, tree=workflow.tree_id, subject_id__gt=after)
    if wanted.cone:
        cone = wanted.cone
        circle = cones.Cone(cone.ra_deg, cone.dec_deg, cone.radius_deg)
        rows = rows.filter(subject__in=Subject.objects.within(circle))
    ordered = rows.order_by("subject_id").values_list("subject_id", flat=True)
    return list(ordered[:AT_ONCE])


def _matching(
    workflow: Workflow, wanted: Selection, ids: list[int], needed: Sequence[Column]
) -> list[int]:
    if not wanted.conditions:
        return ids
    evidence = evidence_of(workflow, ids, needs(needed))
    mask = wanted.mask(computed(evidence, needed))
    return [int(one) for one in evidence.subject_id[mask]]


def _filters(query: QueryDict) -> QueryDict:
    filters = query.copy()
    for name in (*paging.OWN, CHOICE):
        filters.pop(name, None)
    return filters


def _chosen(text: str | None, every: Sequence[Column]) -> Sequence[Column]:
    """Return the columns that are named, in the order of the catalog.

    Raises:
        Refused: one of them is none.
    """
    if text is None:
        return every
    names = [name.strip() for name in text.split(",")]
    known: Mapping[str, Column] = {column.name: column for column in every}
    for name in names:
        if name not in known:
            near = get_close_matches(name[:100], known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "see the list of columns."
            raise Refused(f"columns: {shown(name)} is no column of this catalog: {remedy}")
    return [column for column in every if column.name in names]
