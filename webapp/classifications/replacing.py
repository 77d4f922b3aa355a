"""Changing one's last answer: for a short time, until the next Done, and until others' are seen.

Nothing is edited: another classification supersedes the first, whose standing moves to it, and the
galaxy's tally is counted anew.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4 as new_uuid

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.identity import Identity
from webapp.accounts.models import Volunteer
from webapp.classifications import queries, recount
from webapp.classifications.models import Classification, Handout, Standing
from webapp.common.errors import DomainError
from webapp.common.fields import plain_row
from webapp.consensus.models import Consensus

State = Standing.State
CHANGEABLE = (State.COUNTED, State.LATE, State.TEST, State.EXCLUDED)


class NotChangeable(DomainError):
    """The answer stays as it was given; the sentence says why."""


def last_answer(own: Sequence[int]) -> Classification | None:
    """Return the answer that this person may change for now, if there is one.

    Args:
        own: ids of this person's rows.
    """
    newest = "volunteer_id = ANY(%s) ORDER BY id DESC LIMIT 1"
    row = plain_row(Classification, newest, [list(own)]) if own else None
    if row is None or not seconds_left(row):
        return None
    try:
        _check(row, own, timezone.now())
    except NotChangeable:
        return None
    return row


def seconds_left(row: Classification) -> int:
    """Return for how many seconds an answer may still be changed."""
    age = timezone.now() - row.received_at
    age_s = max(0, int(age.total_seconds()))  # the clock may have been put back
    return max(0, settings.CHANGE_ANSWER_S - age_s)


@transaction.atomic
def reopen(
    *, identity: Identity, classification: uuid.UUID, instead: uuid.UUID | None = None
) -> tuple[Handout, Classification]:
    """Hand out the galaxy of somebody's last answer again.

    Args:
        instead: the handout on the page, unanswered, which is forgotten.

    Raises:
        NotChangeable: it is not their last answer, or it is too late; nothing changes.
    """
    own = queries.own_ids(identity)
    row = Classification.objects.filter(uuid=classification, volunteer__in=own).first()
    if row is None:
        raise NotChangeable(
            _("No answer of yours has this id. If it is still being saved, try again in a moment.")
        )
    _check(row, own, timezone.now())
    if instead:
        Handout.objects.filter(uuid=instead, holder=identity.holder).delete()
    return _hand_out_again(row, identity), row


def _hand_out_again(row: Classification, identity: Identity) -> Handout:
    return Handout.objects.create(
        uuid=new_uuid(),
        holder=identity.holder,
        workflow=row.workflow,
        subject=row.subject,
        tree=row.tree,
        stream=row.stream,
        score=row.score,
        model_id=row.model_id,
        shown_at=timezone.now(),
        supersedes=row.pk,
    )


def replace_answer(
    *, row: Classification, tally: Consensus, own: Sequence[Volunteer]
) -> Standing.State:
    """Store a classification in place of the one it supersedes, whose standing it takes over.

    Call it in the transaction that has locked the galaxy's tally.

    Args:
        row: not stored yet; shown when the earlier one was opened again.
        own: this person's rows.

    Raises:
        NotChangeable: the earlier one stays; nothing is stored.
    """
    ids = [volunteer.pk for volunteer in own]
    was = Classification.objects.filter(pk=row.supersedes_id or 0, volunteer__in=ids).first()
    if was is None or (was.workflow_id, was.subject_id) != (row.workflow_id, row.subject_id):
        raise NotChangeable(_("The answer to be changed is not yours: nothing was stored."))
    standing = _check(was, ids, row.shown_at, is_locking=True)
    row.volunteer_id, row.is_test = was.volunteer_id, was.is_test
    row.save(force_insert=True)
    standing.classification, standing.changed_at = row, timezone.now()
    standing.save(update_fields=["classification", "changed_at"])
    if standing.state == State.COUNTED:
        recount.repair_locked(row.workflow, [tally], why="an answer was changed")
    return State(standing.state)


def _check(
    row: Classification, own: Sequence[int], asked_at: datetime, *, is_locking: bool = False
) -> Standing:
    """Return how an answer stands that may be changed.

    Args:
        asked_at: when the person asked to change it, by our clock.
    """
    standings = Standing.objects.select_for_update() if is_locking else Standing.objects.all()
    standing = standings.filter(classification=row, state__in=CHANGEABLE).first()
    if standing is None:
        raise NotChangeable(_("That answer has been changed before, or does not stand any more."))
    if asked_at - row.received_at > timedelta(seconds=settings.CHANGE_ANSWER_S):
        raise NotChangeable(
            _("An answer can be changed for %(seconds)s seconds: that one stays as it is.")
            % {"seconds": settings.CHANGE_ANSWER_S}
        )
    if Classification.objects.filter(volunteer__in=own, pk__gt=row.pk).exists():
        raise NotChangeable(
            _("You have answered another galaxy since: that answer stays as you gave it.")
        )
    if standing.told_at or _is_gold(row):
        raise NotChangeable(
            _("You have seen what others say of that galaxy: your answer stays as you gave it.")
        )
    return standing


def _is_gold(row: Classification) -> bool:
    """Say whether experts have answered the galaxy: the page after Done has told what they said."""
    tallies = Consensus.objects.filter(workflow=row.workflow_id, subject=row.subject_id)
    return tallies.filter(is_gold=True).exists()


def note_told(*, identity: Identity, subject_id: int) -> None:
    """Remember that this person has seen what others say of a galaxy: their answer stays then."""
    own = Standing.objects.filter(
        subject=subject_id, volunteer__in=queries.own_ids(identity), told_at__isnull=True
    )
    own.update(told_at=timezone.now())
