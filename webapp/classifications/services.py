"""Storing classifications: what was acknowledged is there once, whatever happens."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4 as new_uuid

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.errors import PathRefused
from webapp.accounts import erasure
from webapp.accounts import services as accounts
from webapp.accounts.identity import Identity
from webapp.accounts.models import User, Volunteer
from webapp.classifications import queries, recount, replacing
from webapp.classifications.looking import View
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.shown import Shown
from webapp.common import audit
from webapp.common.errors import DomainError, NotFound
from webapp.common.fields import columns_of
from webapp.common.outage import tried_again
from webapp.consensus import services as consensus
from webapp.consensus.models import Consensus
from webapp.subjects.models import Subject
from webapp.workflows.models import Status, TreeVersion, Workflow

State = Standing.State
PACE_WAIT_S = 30  # half of the minute within which answers are counted


class WrongPath(DomainError):
    """The answers are not a walk through the tree."""


class SomebodyElses(DomainError):
    """The galaxy was shown to another volunteer than the one who answers."""


class UuidTaken(DomainError):
    """The client's id already names another classification."""


class TooFast(DomainError):
    """More answers in a minute than a person can give."""

    def __init__(self, own: Sequence[Volunteer], wait_s: int) -> None:
        super().__init__(
            f"More than {settings.ANSWERS_PER_MINUTE} answers a minute: this one was not stored. "
            f"Send it again in {wait_s} seconds."
        )
        self.own, self.wait_s = own, wait_s


@dataclass(frozen=True)
class Recorded:
    """A stored classification and whether it counts; the same for a first post and a replay."""

    classification_id: int
    uuid: uuid.UUID
    state: State
    workflow: Workflow
    own: tuple[int, ...]  # ids of this person's rows
    is_gold: bool = False  # experts have answered the galaxy
    is_first: bool = False  # this person had never answered before


@tried_again
def record_classification(
    *,
    identity: Identity,
    uuid: uuid.UUID,
    shown: Shown,
    path: Sequence[int],
    client_started_at: datetime | None = None,
    client_finished_at: datetime | None = None,
    view: View | None = None,
) -> Recorded:
    """Store one walk through the tree, count it, and retire the galaxy if that was enough.

    One transaction, tried again where it collides with another; the caller answers after it has
    committed. Posting the same uuid again stores nothing and returns the same.

    Raises:
        NotFound: the campaign or the galaxy is gone.
        WrongPath: the answers are not a complete path through the tree that was shown.
        SomebodyElses: the page was made for another volunteer.
        UuidTaken: the uuid is that of another classification.
        TooFast: this person has sent more in the last minute than anybody can answer.
        NotChangeable: the page was for changing an answer that has to stay.
    """
    with transaction.atomic():
        own = _own_rows(identity, shown)
        tally = consensus.lock_tally(workflow_id=shown.workflow_id, subject_id=shown.subject_id)
        # Read only now: a tree or a rule that has come since is also the one of the locked tally.
        workflow, tree = _campaign(shown)
        _check_path(tree, path)
        row = Classification(
            uuid=uuid,
            workflow=workflow,
            subject_id=shown.subject_id,
            volunteer=own[0],
            tree=tree,
            path=list(path),
            stream=shown.stream,
            score=shown.score,
            model_id=shown.model_id,
            is_test=workflow.status == Status.DRAFT,
            supersedes_id=shown.supersedes,
            shown_at=shown.shown_at,
            client_started_at=client_started_at,
            client_finished_at=client_finished_at,
            view=view,
        )
        return _store(row, tally, own)


def _campaign(shown: Shown) -> tuple[Workflow, TreeVersion]:
    """Return the campaign as it stands now, and the tree that the volunteer saw."""
    try:
        workflow = Workflow.objects.present(shown.workflow_id)
        return workflow, TreeVersion.objects.known(shown.tree_id)
    except (Workflow.DoesNotExist, TreeVersion.DoesNotExist):
        raise NotFound(
            _(
                "The campaign of this galaxy is no longer here: the answer was not stored. Choose "
                "another campaign on the first page."
            )
        ) from None


def _check_path(tree: TreeVersion, path: Sequence[int]) -> None:
    try:
        tree.tree.check_path(path)
    except PathRefused as error:
        raise WrongPath(str(error)) from None


def _own_rows(identity: Identity, shown: Shown) -> list[Volunteer]:
    """Lock this person's rows against a sign-in meanwhile; the first is the one that answers."""
    own = accounts.own_volunteers(identity)
    is_own = shown.holder in {volunteer.uuid for volunteer in own}
    # What somebody had not sent yet when their account was deleted is this browser's now.
    if not is_own and not (own[0].user_id is None and erasure.is_erased(shown.holder)):
        raise SomebodyElses(
            _(
                "This galaxy was shown before you signed in or out: the answer was not stored, "
                "because it might be somebody else's. Go on with the next galaxy."
            )
        )
    return own


def _store(row: Classification, tally: Consensus, own: Sequence[Volunteer]) -> Recorded:
    """Insert, and count what counts; the galaxy's tally stays locked until the commit."""
    if row.supersedes_id:
        return _replace(row, tally, own)
    inserted = _insert(row, own, _state(row, tally))
    if inserted is None:
        return _known(row, tally, own)
    if inserted.state == State.COUNTED:
        _count(row, tally, inserted.weight)
    row.pk = inserted.classification_id
    return _recorded(row, tally, own, inserted.state)


def _replace(row: Classification, tally: Consensus, own: Sequence[Volunteer]) -> Recorded:
    """Store an answer that was changed, once; the same uuid again stores nothing."""
    if Classification.objects.filter(uuid=row.uuid).exists():
        return _known(row, tally, own)
    since = timezone.now() - timedelta(minutes=1)
    newest = Classification.objects.filter(volunteer__in=own, received_at__gt=since)
    if newest.count() >= settings.ANSWERS_PER_MINUTE:
        raise TooFast(own, PACE_WAIT_S)
    state = replacing.replace_answer(row=row, tally=tally, own=own)
    return _recorded(row, tally, own, state)


def _recorded(
    row: Classification, tally: Consensus, own: Sequence[Volunteer], state: State
) -> Recorded:
    ids = tuple(volunteer.pk for volunteer in own)
    is_first = getattr(own[0], "is_new", False)
    return Recorded(row.pk, row.uuid, state, row.workflow, ids, tally.is_gold, is_first)


def _state(row: Classification, tally: Consensus) -> State:
    if row.is_test:
        return State.TEST
    is_over = tally.retired_at or row.workflow.status == Status.FINISHED
    return State.LATE if is_over else State.COUNTED


class _Inserted(NamedTuple):
    """What a new answer's standing says."""

    classification_id: int
    state: State
    weight: float


# The galaxy's tally is locked, so nobody else changes its standings meanwhile. The second part
# gives a standing to a first answer only, or to one whose earlier test answer was cleared. An
# excluded volunteer's answers are kept, and do not count from the start. Of a person's rows the one
# with most answers says the weight: one may be new. Nothing is stored for somebody whose last so
# many answers are all of the last minute (what is of a time to come is from before the clock was
# put back).
_INSERT = """
    WITH stored AS (
        INSERT INTO classifications_classification (
            uuid, workflow_id, subject_id, volunteer_id, tree_id, path, stream, score, model_id,
            is_test, shown_at, client_started_at, client_finished_at, view)
        SELECT %s::uuid, %s, %s, %s, %s, %s::smallint[], %s, %s::float8, %s::bigint, %s, %s,
               %s::timestamptz, %s::timestamptz, %s::jsonb
        WHERE NOT EXISTS (
            SELECT FROM (
                SELECT received_at FROM classifications_classification
                WHERE volunteer_id = ANY(%s) ORDER BY id DESC OFFSET %s LIMIT 1
            ) pace WHERE received_at BETWEEN
                statement_timestamp() - interval '1 minute' AND statement_timestamp())
        ON CONFLICT (uuid) DO NOTHING
        RETURNING id, workflow_id, subject_id, volunteer_id
    )
    INSERT INTO classifications_standing (
        workflow_id, subject_id, volunteer_id, classification_id, weight, state, reason)
    SELECT stored.workflow_id, subject_id, stored.volunteer_id, stored.id,
           coalesce(skill.weight, 1),
           CASE WHEN suspicion.id IS NULL OR %s <> 'counted' THEN %s ELSE 'excluded' END,
           coalesce(suspicion.reason, '')
    FROM stored
    LEFT JOIN LATERAL (
        SELECT weight FROM classifications_skill
        WHERE workflow_id = stored.workflow_id AND volunteer_id = ANY(%s)
        ORDER BY n_answers DESC LIMIT 1) skill ON true
    LEFT JOIN classifications_suspicion suspicion
      ON (suspicion.workflow_id, suspicion.volunteer_id)
       = (stored.workflow_id, stored.volunteer_id) AND suspicion.status = 'excluded'
    WHERE NOT EXISTS (
        SELECT FROM classifications_standing earlier
        WHERE earlier.subject_id = %s AND earlier.workflow_id = %s
          AND earlier.volunteer_id = ANY(%s) AND earlier.state <> 'cleared')
    ON CONFLICT (subject_id, workflow_id, volunteer_id) DO UPDATE
        SET classification_id = excluded.classification_id, state = excluded.state,
            weight = excluded.weight, reason = excluded.reason, changed_at = NULL
    RETURNING classification_id, state, weight
"""


def _insert(row: Classification, own: Sequence[Volunteer], state: State) -> _Inserted | None:
    """Return how the new row stands, None if its uuid or this person's answer is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            [
                row.uuid,
                row.workflow_id,
                row.subject_id,
                row.volunteer_id,
                row.tree_id,
                row.path,
                row.stream,
                row.score,
                row.model_id,
                row.is_test,
                row.shown_at,
                row.client_started_at,
                row.client_finished_at,
                None if row.view is None else json.dumps(row.view),
                [volunteer.pk for volunteer in own],
                settings.ANSWERS_PER_MINUTE - 1,
                state,
                state,
                [volunteer.pk for volunteer in own],
                row.subject_id,
                row.workflow_id,
                [volunteer.pk for volunteer in own],
            ],
        )
        found = cursor.fetchone()
    return _Inserted(found[0], State(found[1]), found[2]) if found else None


def _known(row: Classification, tally: Consensus, own: Sequence[Volunteer]) -> Recorded:
    """Return what stands under this uuid: the same for the tenth replay as for the first post.

    Nothing stands under it if this person was too fast for it to be stored.

    A double click or the back button may bring other answers: the first ones stand.
    """
    stored = Classification.objects.select_related("standing").filter(uuid=row.uuid).first()
    if stored is None:
        raise TooFast(own, PACE_WAIT_S)
    is_own = stored.volunteer_id in {volunteer.pk for volunteer in own}
    is_same = (stored.workflow_id, stored.subject_id) == (row.workflow_id, row.subject_id)
    if not is_own or not is_same:
        raise UuidTaken(
            _(
                "The id %(uuid)s already names another classification: this one was not stored. "
                "Reload the page and answer again."
            )
            % {"uuid": row.uuid}
        )
    standing = getattr(stored, "standing", None)
    row.pk = stored.pk
    return _recorded(row, tally, own, State(standing.state) if standing else State.REPEAT)


def _count(row: Classification, tally: Consensus, weight: float) -> None:
    workflow = row.workflow
    if tally.tree_id != workflow.tree_id:
        recount.repair_locked(workflow, [tally])  # the new row is among what is counted
        return
    consensus.count_votes(
        locked=tally,
        path=row.path,
        weight=weight,
        tree=row.tree.tree,
        workflow=workflow,
        by=row.uuid,
    )


# One round trip: the answered handout goes, the new one comes, and its galaxy is read.
_HAND_OUT = f"""
    WITH gone AS (DELETE FROM classifications_handout WHERE uuid = %s AND holder = %s),
    active AS (SELECT model_id FROM registry_activemodel WHERE workflow_id = %s),
    made AS (
        INSERT INTO classifications_handout (
            uuid, holder, workflow_id, subject_id, tree_id, stream, score, shown_at, model_id)
        SELECT %s, %s, %s, %s, %s, %s, %s, %s, (SELECT model_id FROM active))
    SELECT {columns_of(Subject)}, (SELECT model_id FROM active) AS active_model_id
    FROM subjects_subject WHERE id = %s
"""  # noqa: S608 - names of columns


def hand_out(
    *,
    identity: Identity,
    workflow: Workflow,
    own: Sequence[int] | None = None,
    answered: uuid.UUID | None = None,
    is_ahead: bool = False,
) -> tuple[Handout, queries.Repeat | None] | None:
    """Choose the next galaxy and remember that it was shown; nobody else is kept from it.

    Args:
        own: ids of this person's rows, looked up if they are not at hand.
        answered: the handout that this one follows, which is forgotten.
        is_ahead: only a galaxy that is new to this person, to be shown after the present one.

    Returns:
        The handout with its galaxy, and why an answer would not count; None without any galaxy.
    """
    pick = queries.next_subject(
        workflow=workflow, identity=identity, own=own, answered=answered, is_ahead=is_ahead
    )
    if pick is None:
        return None
    made = Handout(
        uuid=new_uuid(),
        holder=identity.holder,
        workflow=workflow,
        subject_id=pick.subject_id,
        tree=workflow.tree,
        stream=pick.stream,
        score=pick.score,
        shown_at=timezone.now(),
    )
    (made.subject,) = Subject.objects.raw(
        _HAND_OUT,
        [
            answered, made.holder, made.workflow_id, made.uuid, made.holder, made.workflow_id,
            made.subject_id, made.tree_id, made.stream, made.score, made.shown_at, made.subject_id,
        ],
    )  # fmt: skip
    made.model_id = vars(made.subject)["active_model_id"]
    return made, pick.repeat


def forget_handout(*, identity: Identity, handout: uuid.UUID) -> None:
    """Forget a galaxy that was answered, where none is handed out in its place."""
    Handout.objects.filter(uuid=handout, holder=identity.holder).delete()


def forget_expired_handouts() -> int:
    """Delete the handouts that nobody answered in time; an answer may still come."""
    until = timezone.now() - timedelta(seconds=settings.HANDOUT_EXPIRES_S)
    return Handout.objects.filter(shown_at__lt=until).delete()[0]


@transaction.atomic
def clear_test_votes(*, workflow: Workflow, by: User) -> int:
    """Let the answers given before the launch stand no longer; they stay in the log.

    Returns:
        How many were cleared.
    """
    n_cleared = Standing.objects.filter(workflow=workflow, state=State.TEST).update(
        state=State.CLEARED, reason="cleared by an owner", changed_at=timezone.now()
    )
    audit.write_entry(
        actor=by, action="clear_test_votes", target="workflow", target_id=workflow.pk,
        new={"cleared": n_cleared},
    )  # fmt: skip
    return n_cleared
