"""Simple Cone Search, for TOPCAT, pyvo and their like: the galaxies around a position."""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache, wraps
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from numpy.typing import NDArray
from rest_framework.exceptions import AuthenticationFailed

from inference.errors import shown
from inference.formats.tree import Tree
from webapp.accounts.models import User
from webapp.api import rows, votable
from webapp.api.authentication import token_of
from webapp.api.catalog import columns_of as columns_of_catalog
from webapp.api.provenance import origin
from webapp.api.search import NotASearch, Search
from webapp.api.throttles import ConeThrottle
from webapp.consensus.models import RetiredReason
from webapp.explore.access import visible
from webapp.exports.columns import Column, Kind, computed
from webapp.exports.evidence import Evidence
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

OVERFLOW = "X-Row-Limit-Reached"
MOST_CELLS = 1_500_000
LEAST = ("source_id", "ra", "dec")
USEFUL = {
    "source_id", "survey_id", "iau_name", "ra", "dec", "survey", "n_classifications", "n_votes",
    "frac", "post", "lead", "retired_at", "retired_reason", "quality",
}  # fmt: skip
VOTES_SHOWN = Column(
    "votes_shown", Kind.INT16,
    "1 if the columns about votes say what is known; 0 while they are hidden, so that nobody who "
    "still classifies the galaxy is led by others: then counts are 0, shares NaN, texts empty.",
    ucd="meta.code", low=0, high=1, display="I2", group="status", family="votes_shown",
)  # fmt: skip
STILL_SHOWN = ("", RetiredReason.WITHDRAWN)  # a set that was withdrawn may come back
HIDDEN = ("people", "belief", "network", "debiased")  # groups of columns
DESCRIPTION = "Galaxies of the campaign {name} around a position, with what is known of them."
CUT = " There are more: these are {most:,}, the limit of an answer. Make SR smaller."


class Unanswerable(Exception):
    """A search that is refused by a status of its own; the document says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class TooMany(Exception):
    """One address searches so often that others would have to wait."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many searches: wait {wait_s} seconds, and then ask less often.")
        self.wait_s = wait_s


def _as_votable(view: Any) -> Any:
    """Answer whatever a search raises as a VOTable with an INFO named Error."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str) -> HttpResponse:
        try:
            return view(request, slug)  # type: ignore[no-any-return]
        except NotASearch as error:
            return _refusal(request, str(error), 200)
        except TooMany as error:
            # As text: pyvo, given a table, would not see that this is a limit of rate.
            response = HttpResponse(str(error), content_type="text/plain", status=429)
            response.headers["Retry-After"] = str(error.wait_s)
            return response
        except Unanswerable as error:
            return _refusal(request, str(error), error.status)

    return wrapped


@require_safe
@_as_votable
def search(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer the galaxies of a campaign in a circle on the sky."""
    if wait_s := ConeThrottle().wait_for(request):
        raise TooMany(wait_s)
    viewer = _viewer(request)
    workflow = campaign(slug, viewer)
    wanted = Search.parse(request.GET)
    columns = columns_of(workflow, wanted.verbosity)
    most = _limit(wanted, len(columns))
    ids = _found(workflow, wanted, most + 1) if wanted.wants_rows else []
    is_cut = len(ids) > most
    is_trusted = viewer is not None and viewer.may_own_workflows
    evidence = rows.evidence_of(workflow, sorted(ids[:most]))
    table = _table(evidence, columns, sees_all=is_trusted or not workflow.hides_votes)
    words = DESCRIPTION.format(name=workflow.name) + (CUT.format(most=most) if is_cut else "")
    content = votable.document(
        slug.replace("-", "_"),
        columns,
        _fields(workflow.tree.tree, wanted.verbosity),
        table,
        origin(request, workflow),
        description=words,
        is_cut=is_cut,
    )
    response = HttpResponse(content, content_type=votable.MEDIA_TYPE)
    if is_cut:
        response.headers[OVERFLOW] = str(most)
    return response


def _limit(wanted: Search, n_columns: int) -> int:
    """Return how many rows are answered: wide ones are fewer, for memory is what they cost."""
    most = min(settings.CONE_MAX_ROWS, max(1, MOST_CELLS // n_columns))
    return most if wanted.most is None else min(most, wanted.most)


def _found(workflow: Workflow, wanted: Search, most: int) -> list[int]:
    found = Subject.objects.within(wanted.cone).filter(
        consensus__workflow=workflow, consensus__tree=workflow.tree_id
    )
    return list(found.values_list("pk", flat=True)[:most])


def columns_of(workflow: Workflow, verbosity: int) -> list[Column]:
    """Return the columns of an answer; the protocol wants the main identifier as text."""
    return _columns(workflow.tree.tree, verbosity)


@lru_cache(maxsize=64)
def _columns(tree: Tree, verbosity: int) -> list[Column]:
    every = columns_of_catalog(tree)
    if verbosity == 1:
        every = tuple(column for column in every if column.name in LEAST)
    elif verbosity == 2:
        every = tuple(column for column in every if column.family in USEFUL)
    first = dataclasses.replace(every[0], kind=Kind.TEXT)
    return [first, *every[1:], *([VOTES_SHOWN] if verbosity > 1 else [])]


@lru_cache(maxsize=64)
def _fields(tree: Tree, verbosity: int) -> str:
    return votable.fields_of(_columns(tree, verbosity))


def _table(
    evidence: Evidence, columns: Sequence[Column], *, sees_all: bool
) -> dict[str, NDArray[Any]]:
    is_open = np.full(len(evidence), sees_all) | ~np.isin(evidence.retired_reason, STILL_SHOWN)
    of_catalog = [column for column in columns if column is not VOTES_SHOWN]
    table = dict(computed(evidence, of_catalog))
    table["source_id"] = evidence.subject_id.astype(str).astype(object)
    table[VOTES_SHOWN.name] = is_open.astype(np.int16)
    for column in of_catalog:
        if column.group in HIDDEN:
            table[column.name] = _hidden(table[column.name], column, is_open)
    return table


def _hidden(values: NDArray[Any], column: Column, is_open: NDArray[np.bool_]) -> NDArray[Any]:
    nothing: Any = np.nan if column.kind.is_float else "" if column.kind.is_text else 0
    return np.where(is_open, values, np.array(nothing, column.kind.dtype))


def campaign(slug: str, viewer: User | None) -> Workflow:
    """Return a campaign that is open to all, or this person's.

    Raises:
        Unanswerable: there is none of this name for them.
    """
    open_to_all = Workflow.objects.public().filter(slug=slug)
    own = Q(pk__in=visible(viewer)) if viewer and viewer.may_own_workflows else Q()
    seen = Workflow.objects.filter(own, slug=slug) if own else open_to_all
    workflow = seen.with_tree().first()
    if workflow is None:
        raise Unanswerable(404, f"There is no campaign {shown(slug)} with galaxies open to all.")
    return workflow


def _viewer(request: HttpRequest) -> User | None:
    """Return who asks, by token or session; nobody needs an account."""
    word, _, key = request.headers.get("Authorization", "").partition(" ")
    if word.lower() == "bearer":
        try:
            return token_of(key.strip()).user
        except AuthenticationFailed as error:
            raise Unanswerable(401, str(error)) from None
    return request.user if isinstance(request.user, User) else None


def _refusal(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    content = votable.error(sentence, origin(request))
    return HttpResponse(content, content_type=votable.MEDIA_TYPE, status=status)
