"""What an owner sees of volunteers: who should be looked at, what they do, what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet

from webapp.accounts.models import Volunteer
from webapp.classifications.models import (
    Classification,
    Reweighing,
    Skill,
    Standing,
    Suspicion,
)
from webapp.dashboard.queries import Page, Walked
from webapp.workflows.models import TreeVersion, Workflow

PER_PAGE = 20
N_LATEST = 5
Status, State = Suspicion.Status, Standing.State


@dataclass(frozen=True)
class Person:
    """A volunteer that was raised, with all that is known under the same account.

    Attributes:
        latest: their last answers, the newest first.
    """

    suspicion: Suspicion
    skill: Skill | None
    n_answered: int
    n_counted: int
    latest: Sequence[Walked]

    @property
    def name(self) -> str:
        """The public name, or that of a browser."""
        return name_of(self.suspicion.volunteer)


def name_of(volunteer: Volunteer) -> str:
    """Return what a volunteer is called; never an address."""
    if volunteer.user:
        return volunteer.user.username
    return f"browser {volunteer.uuid.hex[:6]}"


def counts(workflow: Workflow) -> dict[str, int]:
    """Return how many people there are of each status."""
    found = _people(workflow).values_list("status").annotate(n=Count("pk")).order_by()
    return dict.fromkeys(Status.values, 0) | dict(found)


def _people(workflow: Workflow) -> QuerySet[Suspicion]:
    """Keep one row of each account: all of them say the same once somebody has decided."""
    same = Suspicion.objects.filter(
        workflow=workflow,
        volunteer__user=OuterRef("volunteer__user"),
        status=OuterRef("status"),
        pk__lt=OuterRef("pk"),
    )
    return Suspicion.objects.filter(~Exists(same), workflow=workflow)


def people(workflow: Workflow, *, status: str, before: int | None) -> Page[Person]:
    """Return the people of a status, those that were raised last first."""
    rows = _people(workflow).filter(status=status).select_related("volunteer__user", "decided_by")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PER_PAGE + 1])
    page, more = found[:PER_PAGE], len(found) > PER_PAGE
    return Page(_with_answers(workflow, page), page[-1].pk if more else None)


def _with_answers(workflow: Workflow, page: Sequence[Suspicion]) -> list[Person]:
    own = _own(page)
    ids = [pk for rows in own.values() for pk in rows]
    skills = Skill.objects.filter(workflow=workflow, volunteer__in=ids)
    skill_of = {skill.volunteer_id: skill for skill in skills}
    states = _states(workflow, ids)
    latest = _latest(workflow, ids)
    return [
        Person(
            row,
            next((skill_of[pk] for pk in own[row.pk] if pk in skill_of), None),
            sum(sum(states.get(pk, {}).values()) for pk in own[row.pk]),
            sum(states.get(pk, {}).get(State.COUNTED, 0) for pk in own[row.pk]),
            _newest([one for pk in own[row.pk] for one in latest.get(pk, [])]),
        )
        for row in page
    ]


def _own(page: Sequence[Suspicion]) -> dict[int, list[int]]:
    """Return for each suspicion the ids of all rows of this person."""
    users = [row.volunteer.user_id for row in page if row.volunteer.user_id]
    of_user: dict[int, list[int]] = {}
    for pk, user_id in Volunteer.objects.filter(user__in=users).values_list("pk", "user_id"):
        of_user.setdefault(user_id, []).append(pk)
    return {row.pk: of_user.get(row.volunteer.user_id or 0, [row.volunteer_id]) for row in page}


def _states(workflow: Workflow, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    rows = Standing.objects.filter(workflow=workflow, volunteer__in=ids)
    found: dict[int, dict[str, int]] = {}
    for pk, state, n in rows.values_list("volunteer", "state").annotate(n=Count("pk")).order_by():
        found.setdefault(pk, {})[state] = n
    return found


# By the index of a volunteer's newest answers, so that it costs the same after a million.
_LATEST = """
    SELECT newest.id FROM unnest(%s::bigint[]) person (id) CROSS JOIN LATERAL (
        SELECT id FROM classifications_classification
        WHERE volunteer_id = person.id AND workflow_id = %s
        ORDER BY id DESC LIMIT %s) newest
"""


def _latest(workflow: Workflow, ids: Sequence[int]) -> dict[int, list[Classification]]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [list(ids), workflow.pk, N_LATEST])
        found = [pk for (pk,) in cursor.fetchall()]
    rows: dict[int, list[Classification]] = {}
    for row in Classification.objects.filter(pk__in=found).select_related("subject"):
        row.tree = TreeVersion.objects.known(row.tree_id)
        rows.setdefault(row.volunteer_id, []).append(row)
    return rows


def _newest(rows: list[Classification]) -> list[Walked]:
    ordered = sorted(rows, key=lambda row: -row.pk)
    return [Walked(row) for row in ordered[:N_LATEST]]


def last_reweighing(workflow: Workflow) -> Reweighing | None:
    """Return the newest re-weighing of a campaign, running or done."""
    rows: Any = Reweighing.objects.filter(workflow=workflow).order_by("-pk")
    found: Reweighing | None = rows.first()
    return found
