"""Which galaxy next, and what a volunteer has done."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from webapp.accounts.identity import Identity
from webapp.accounts.models import User
from webapp.classifications.models import Classification, Handout, Standing
from webapp.common.fields import plain_row
from webapp.consensus.models import Progress, Stream
from webapp.subjects.models import Subject
from webapp.workflows import gold_rate
from webapp.workflows.models import Status, TreeVersion, Workflow

RANKED = (Stream.GAIN, Stream.IGNORANCE, Stream.UNUSUAL)  # streams in order, not at random
WINDOW = 64  # rows of the queue that one look may skip
MOSAIC = 36  # galaxies at the head of a campaign's page


class Repeat(StrEnum):
    """Why an answer to the galaxy shown will not count; the first that is true is said."""

    FINISHED = "finished"
    SAW_ALL = "saw_all"
    RETIRED = "retired"
    SEEN = "seen"


@dataclass(frozen=True)
class Pick:
    """A galaxy to show.

    Attributes:
        score: its sort key in the stream.
        repeat: set if an answer will not count, because nothing else was left.
    """

    subject_id: int
    stream: Stream
    score: float | None
    repeat: Repeat | None = None


# "Own" rows of the person, and the galaxies that wait in another tab of theirs.
_UNSEEN = """
    NOT EXISTS (
        SELECT FROM classifications_standing seen
        WHERE seen.subject_id = waiting.subject_id AND seen.workflow_id = waiting.workflow_id
          AND seen.state <> 'cleared'
          AND seen.volunteer_id = ANY(%(own)s))
    AND NOT EXISTS (
        SELECT FROM classifications_handout shown
        WHERE shown.holder = %(holder)s AND shown.workflow_id = waiting.workflow_id
          AND shown.subject_id = waiting.subject_id AND shown.uuid IS DISTINCT FROM %(except)s)
"""

# A bounded look at the queue from a point on: this is what nearly every request needs, once.
_LOOK = f"""
    SELECT subject_id, sort_key FROM (
        SELECT subject_id, workflow_id, sort_key FROM consensus_queue
        WHERE workflow_id = %(workflow)s AND stream = %(stream)s AND sort_key >= %(from)s
        ORDER BY sort_key LIMIT {WINDOW}
    ) waiting
    WHERE {_UNSEEN} ORDER BY sort_key LIMIT 1
"""  # noqa: S608 - constants

# The head of a stream that is in order: any of its galaxies, so that a thousand volunteers are not
# shown one.
_BEST = f"""
    SELECT subject_id, sort_key FROM (
        SELECT subject_id, workflow_id, sort_key FROM consensus_queue
        WHERE workflow_id = %(workflow)s AND stream = %(stream)s
        ORDER BY sort_key DESC LIMIT {WINDOW}
    ) waiting
    WHERE {_UNSEEN} ORDER BY random() LIMIT 1
"""  # noqa: S608 - constants

# All of it, for somebody who has seen nearly everything: exact, and never needed by a newcomer.
_SEARCH = f"""
    SELECT subject_id, sort_key FROM consensus_queue waiting
    WHERE workflow_id = %(workflow)s AND stream = %(stream)s AND {_UNSEEN}
    LIMIT 1
"""  # noqa: S608 - constants

# Nothing new is left: any galaxy of the campaign, whose answer will not count.
_ANY = """
    SELECT subject_id, NULL FROM consensus_consensus
    WHERE workflow_id = %(workflow)s AND retired_reason NOT IN ('withdrawn', 'unseen')
      AND subject_id >= (
        SELECT min(subject_id) + floor(%(from)s * (max(subject_id) - min(subject_id) + 1))::bigint
        FROM consensus_consensus WHERE workflow_id = %(workflow)s)
    ORDER BY subject_id LIMIT 1
"""


def next_subject(
    *,
    workflow: Workflow,
    identity: Identity,
    own: Sequence[int] | None = None,
    answered: uuid.UUID | None = None,
    is_ahead: bool = False,
) -> Pick | None:
    """Choose a galaxy that this person has not seen; one they have only if there is no other.

    The cost depends neither on the number of galaxies nor on how many this person has seen, until
    they have seen nearly all.

    Args:
        own: ids of this person's rows, looked up if they are not at hand.
        answered: the handout that was just answered, which holds its galaxy no longer.
        is_ahead: only a galaxy that this person neither has seen nor has waiting, to be shown
            after the present one.

    Returns:
        None if the campaign has no such galaxy.
    """
    own = own_ids(identity) if own is None else own
    values = {
        "workflow": workflow.pk,
        "holder": identity.holder,
        "own": list(own),
        "except": answered,
        "from": random.random(),  # noqa: S311 - which galaxy comes next is no secret
    }
    if workflow.status != Status.FINISHED:
        stream = _stream(workflow, own)
        looks = _looks(stream, values["from"])
        for query, changes in looks[:-1] if is_ahead else looks:
            if found := _first(query, values | changes):
                shown_from = Stream(str(changes["stream"]))
                return Pick(found[0], shown_from, found[1])
    if is_ahead:
        return None
    # Beyond the point there may be only galaxies whose set was withdrawn.
    found = _first(_ANY, values) or _first(_ANY, values | {"from": 0.0})
    if found is None:
        return None
    return Pick(found[0], Stream.RANDOM, None, _why_repeat(workflow))


def _stream(workflow: Workflow, own: Sequence[int]) -> Stream:
    """Draw the stream that the next galaxy comes from: experts' own first, then by the mixture."""
    chance = random.random()  # noqa: S311 - no secret
    if workflow.gold_rate and chance < gold_rate.rate(
        workflow.gold_rate, experience(workflow, own, at_most=int(workflow.gold_rate[-1][0]))
    ):
        return Stream.GOLD
    streams = list(workflow.shares)
    return Stream(random.choices(streams, list(workflow.shares.values()))[0])  # noqa: S311


def experience(workflow: Workflow, own: Sequence[int], *, at_most: int) -> int:
    """Return how many galaxies a person has classified in a campaign, counted up to a number."""
    rows = Standing.objects.filter(workflow=workflow, volunteer__in=own)
    return len(rows.values_list("pk")[:at_most]) if at_most else 0


def _looks(stream: Stream, start: object) -> list[tuple[str, dict[str, object]]]:
    """Return the searches for an unseen galaxy, the cheapest first.

    The last one takes a galaxy that waits unanswered in another tab, or in one that was closed:
    that is better than one that has been answered.
    """
    first: dict[Stream, list[tuple[str, dict[str, object]]]] = {
        **{ranked: [(_BEST, {"stream": ranked})] for ranked in RANKED},
        Stream.GOLD: [(_LOOK, {"stream": stream, "from": at}) for at in (start, 0.0)],
    }
    at_random: dict[str, object] = {"stream": Stream.RANDOM}
    return [
        *first.get(stream, []),
        (_LOOK, at_random | {"from": start}),
        (_LOOK, at_random | {"from": 0.0}),
        (_SEARCH, at_random),
        (_SEARCH, at_random | {"holder": None}),
    ]


def _first(query: str, values: dict[str, Any]) -> tuple[int, float | None] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found: tuple[int, float | None] | None = cursor.fetchone()
    return found


def _why_repeat(workflow: Workflow) -> Repeat:
    if workflow.status == Status.FINISHED:
        return Repeat.FINISHED
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM consensus_queue WHERE workflow_id = %s)", [workflow.pk]
        )
        row = cursor.fetchone()
    return Repeat.SAW_ALL if row and row[0] else Repeat.FINISHED


def live_handout(*, identity: Identity, handout: uuid.UUID) -> Handout | None:
    """Return a galaxy that was handed to this person and is not answered yet."""
    since = timezone.now() - timedelta(seconds=settings.HANDOUT_EXPIRES_S)
    condition = "uuid = %s AND holder = %s AND shown_at >= %s"
    found = plain_row(Handout, condition, [handout, identity.holder, since])
    if found is None:
        return None
    subject = plain_row(Subject, "id = %s", [found.subject_id])
    try:
        found.workflow = Workflow.objects.present(found.workflow_id)
        found.tree = TreeVersion.objects.known(found.tree_id)
    except (Workflow.DoesNotExist, TreeVersion.DoesNotExist):
        return None
    if subject is None:
        return None
    found.subject = subject
    return found


def handout_with(*, identity: Identity, tree_id: int) -> Handout | None:
    """Return any galaxy that waits for this person's answers to the questions of a tree."""
    return (
        Handout.objects.filter(holder=identity.holder, tree=tree_id)
        .select_related("subject", "workflow", "tree")
        .first()
    )


def classifications_of(identity: Identity) -> QuerySet[Classification]:
    """Return everything that this person has classified, newest first."""
    return (
        Classification.objects.filter(volunteer__in=own_ids(identity))
        .select_related("subject", "workflow", "tree", "standing")
        .defer("tree__document")
        .order_by("-pk")
    )


def own_ids(identity: Identity) -> list[int]:
    """Return the ids of all rows that are this person's."""
    user_id = identity.user.pk if identity.user else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounts_volunteer WHERE uuid = %s OR user_id = %s",
            [identity.holder, user_id],
        )
        return [pk for (pk,) in cursor.fetchall()]


_STATE = """
    SELECT NOT EXISTS (SELECT FROM consensus_queue WHERE workflow_id = %s AND subject_id = %s),
           EXISTS (SELECT FROM classifications_standing
                   WHERE workflow_id = %s AND subject_id = %s AND volunteer_id = ANY(%s)
                     AND state <> 'cleared')
"""


def repeat_of(*, handout: Handout, identity: Identity) -> Repeat | None:
    """Return why an answer to this galaxy will not count, or None if it will.

    One that changes an earlier answer stands as that one did.
    """
    if handout.supersedes:
        return None
    workflow = handout.workflow
    if workflow.status == Status.FINISHED:
        return Repeat.FINISHED
    of_galaxy = [workflow.pk, handout.subject_id]
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [*of_galaxy, *of_galaxy, own_ids(identity)])
        is_retired, is_seen = cursor.fetchone()
    if not is_retired and not is_seen:
        return None
    other = next_subject(workflow=workflow, identity=identity)
    if other is None or other.repeat:
        return other.repeat if other and other.repeat else Repeat.SAW_ALL
    return Repeat.RETIRED if is_retired else Repeat.SEEN


def visible_campaign(user: User | AnonymousUser, slug: str) -> Workflow | None:
    """Return a campaign that this person may see; a draft is its owners' only."""
    try:
        workflow = Workflow.objects.named(slug)
    except Workflow.DoesNotExist:
        return None
    if workflow.status != Status.DRAFT:
        return workflow
    return workflow if Workflow.objects.owned_by(user).filter(pk=workflow.pk).exists() else None


def campaigns() -> list[Workflow]:
    """Return the campaigns that everybody may see, the live ones first."""
    order = {Status.LIVE: 0, Status.PAUSED: 1, Status.FINISHED: 2}
    found = Workflow.objects.public().select_related("tree", "progress")
    return sorted(found, key=lambda workflow: (order[Status(workflow.status)], workflow.pk))


def progress(workflow: Workflow) -> Progress | None:
    """Return how far a campaign was when beat last summed it."""
    return Progress.objects.filter(workflow=workflow).first()


def mosaic(workflow: Workflow) -> list[Subject]:
    """Return some galaxies for the head of a campaign's page."""
    return list(
        Subject.objects.filter(subject_set__links__workflow=workflow).order_by("pk")[:MOSAIC]
    )


def picture_credits(workflow: Workflow) -> list[str]:
    """Return who took the pictures."""
    sets = workflow.subject_sets.filter(links__is_linked=True).exclude(credit="")
    return list(sets.order_by("pk").values_list("credit", flat=True).distinct())
