"""Writing the tallies, retiring galaxies, and keeping the queues.

Locks: a transaction locks tallies first and in the order of their subjects, queues after them.
Whoever judges or moves tallies reads the campaign after having locked them: its tree and its rule
may have changed while the lock was waited for.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.belief.posterior import Posterior
from inference.belief.retirement import Rule, Verdict
from inference.formats.tree import Tree
from webapp.common.errors import NotFound
from webapp.common.fields import columns_of
from webapp.consensus import evidence, tally
from webapp.consensus.models import (
    NOT_JUDGED,
    RANKED_BY_NETWORK,
    Consensus,
    Flag,
    Queue,
    RetiredReason,
    Retirement,
    Stream,
)
from webapp.workflows.models import TreeVersion, Workflow

CHUNK = 500  # rows that one transaction may lock


def lock_tally(*, workflow_id: int, subject_id: int) -> Consensus:
    """Lock the tally of a galaxy until the transaction ends.

    Raises:
        NotFound: this campaign does not ask about this galaxy.
    """
    for found in Consensus.objects.raw(_LOCK, [workflow_id, subject_id]):
        return found
    raise NotFound(
        _("Galaxy %(subject_id)s is not part of this campaign. Ask for the next galaxy.")
        % {"subject_id": subject_id}
    )


# Written out, like the update below: every vote pays for them, and would pay for the query
# compiler too.
_LOCK = f"""
    SELECT {columns_of(Consensus)} FROM consensus_consensus
    WHERE workflow_id = %s AND subject_id = %s FOR NO KEY UPDATE
"""  # noqa: S608 - names of columns


def present(workflow: Workflow) -> Workflow:
    """Read a campaign again; for locked tallies its tree and rule are then the ones that hold."""
    return Workflow.objects.present(workflow.pk)


def count_votes(
    *,
    locked: Consensus,
    path: Sequence[int],
    weight: float,
    tree: Tree,
    workflow: Workflow,
    by: uuid.UUID,
) -> Verdict:
    """Add one classification to a locked tally, and retire the galaxy if the rule says so.

    Args:
        locked: from `lock_tally`, not retired, along the campaign's present tree.
        weight: of the volunteer, in steps of WEIGHT_STEP, so that sums are exact.
        tree: the version that was answered.
        by: the classification's uuid.
    """
    answers, questions = tally.counted(path, tree, workflow.tree.tree)
    tally.add(locked.votes, answers, 1)
    tally.add(locked.asked, questions, 1)
    tally.add(locked.weighted, answers, weight)
    tally.add(locked.weighted_asked, questions, weight)
    locked.n_classifications += 1
    known = evidence.belief([locked], workflow.tree.tree)
    verdict = _verdict(locked, workflow.parsed_rule, known)
    if verdict.retired:
        _retire(locked, verdict, by=by)
    if verdict.flagged:
        flag_subject(
            workflow_id=locked.workflow_id, subject_id=locked.subject_id, words=verdict.reason
        )
    _save(locked, evidence.gains(known)[0], is_new_retirement=verdict.retired)
    return verdict


def _verdict(row: Consensus, rule: Rule, known: Posterior) -> Verdict:
    return rule.verdict(
        row.votes,
        row.n_classifications,
        posterior=known,
        is_gold=row.is_gold,
        subject_set=row.subject.subject_set.slug if rule.artifact_of_set else "",
    )


def _retire(row: Consensus, verdict: Verdict, *, by: uuid.UUID | None) -> None:
    row.retired_at = timezone.now()
    row.retired_reason = verdict.key
    row.retired_words = verdict.reason
    row.retired_by = by


def _reopen(row: Consensus) -> None:
    row.retired_at, row.retired_reason, row.retired_words, row.retired_by = None, "", "", None


def flag_subject(*, workflow_id: int, subject_id: int, words: str) -> None:
    """Put a galaxy on the owner's list, once."""
    Flag.objects.bulk_create(
        [Flag(workflow_id=workflow_id, subject_id=subject_id, words=words)], ignore_conflicts=True
    )


@dataclass
class Judged:
    """How many galaxies a judgement retired, and how many it opened again."""

    n_retired: int = 0
    n_reopened: int = 0

    def __add__(self, other: "Judged") -> "Judged":
        return Judged(self.n_retired + other.n_retired, self.n_reopened + other.n_reopened)


def put_tallies(*, workflow: Workflow, tallies: Sequence[Consensus], why: str = "") -> Judged:
    """Replace locked tallies by recomputed ones, judge each of them anew, and rank it.

    Args:
        tallies: their counts along the campaign's present tree.
        why: said of galaxies that are opened again.
    """
    if not tallies:
        return Judged()
    _drop_priors([row for row in tallies if _has_other_axis(row, workflow)])
    for row in tallies:
        row.tree_id = workflow.tree_id
    known = evidence.belief(tallies, workflow.tree.tree)
    judged = Judged()
    verdicts = _verdicts(tallies, workflow.parsed_rule, known)
    for row, verdict, gain in zip(tallies, verdicts, evidence.gains(known), strict=True):
        change = _judge(row, verdict, why)
        _save(row, gain, is_new_retirement=bool(change.n_retired))
        judged += change
    return judged


def _has_other_axis(row: Consensus, workflow: Workflow) -> bool:
    """Say whether a tally moves to another axis now, so that its prior means something else."""
    if row.tree_id == workflow.tree_id:
        return False
    return not workflow.tree.tree.same_structure(TreeVersion.objects.known(row.tree_id).tree)


def _drop_priors(rows: Sequence[Consensus]) -> None:
    """Take the priors from locked tallies; they wait to be scored then."""
    if not rows:
        return
    Consensus.objects.filter(pk__in=[row.pk for row in rows]).update(prior=None, prior_model=None)
    Queue.objects.filter(
        workflow_id=rows[0].workflow_id,
        subject_id__in=[row.subject_id for row in rows],
        stream__in=RANKED_BY_NETWORK,
    ).delete()
    for row in rows:
        row.prior, row.prior_model_id = None, None


def _verdicts(rows: Sequence[Consensus], rule: Rule, known: Posterior) -> Iterator[Verdict]:
    """Yield what the rule says of each galaxy; the words only where they are needed."""
    for number, row in enumerate(rows):
        yield _verdict(row, rule, known.part(number))


def _judge(row: Consensus, verdict: Verdict, why: str) -> Judged:
    """Retire or reopen a locked tally as the rule says; what was withdrawn stays so."""
    if verdict.flagged:
        flag_subject(workflow_id=row.workflow_id, subject_id=row.subject_id, words=verdict.reason)
    if verdict.retired and row.retired_at is None:
        _retire(row, verdict, by=None)
        return Judged(n_retired=1)
    if not verdict.retired and row.retired_at and row.retired_reason not in NOT_JUDGED:
        words = f"{why or 'judged anew'}; before: {row.retired_words}"
        _reopen(row)
        Retirement.objects.create(
            workflow_id=row.workflow_id,
            subject_id=row.subject_id,
            is_opening=True,
            words=words[:200],
            n_classifications=row.n_classifications,
        )
        _wait_again([row.subject_id], row.workflow_id)
        row.prior_model_id = None
        return Judged(n_reopened=1)
    return Judged()


# What is retired waits no longer, what is open is ranked anew: in the same round trip.
_SAVE = """
    WITH gone AS (
        DELETE FROM consensus_queue
        WHERE %(is_retired)s AND subject_id = %(subject)s AND workflow_id = %(workflow)s
    ), ranked AS (
        INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
        SELECT %(subject)s, %(workflow)s, 'gain', %(gain)s WHERE NOT %(is_retired)s
        ON CONFLICT (subject_id, workflow_id, stream) DO UPDATE SET sort_key = excluded.sort_key
    ), logged AS (
        INSERT INTO consensus_retirement (
            workflow_id, subject_id, is_opening, key, words, n_classifications)
        SELECT %(workflow)s, %(subject)s, false, %(retired_reason)s, %(retired_words)s,
               %(n_classifications)s
        WHERE %(is_new_retirement)s
    )
    UPDATE consensus_consensus
    SET tree_id = %(tree)s, votes = %(votes)s, asked = %(asked)s,
        weighted = %(weighted)s, weighted_asked = %(weighted_asked)s,
        n_classifications = %(n_classifications)s, retired_at = %(retired_at)s,
        retired_reason = %(retired_reason)s, retired_words = %(retired_words)s,
        retired_by = %(retired_by)s
    WHERE id = %(id)s
"""


def _save(row: Consensus, gain: float, *, is_new_retirement: bool = False) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            {
                "is_retired": row.retired_at is not None,
                "is_new_retirement": is_new_retirement,
                "subject": row.subject_id,
                "workflow": row.workflow_id,
                "gain": gain,
                "tree": row.tree_id,
                "votes": row.votes,
                "asked": row.asked,
                "weighted": row.weighted,
                "weighted_asked": row.weighted_asked,
                "n_classifications": row.n_classifications,
                "retired_at": row.retired_at,
                "retired_reason": row.retired_reason,
                "retired_words": row.retired_words,
                "retired_by": row.retired_by,
                "id": row.pk,
            },
        )


# A galaxy that experts have answered waits in their stream too.
_ENQUEUE = """
    INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
    SELECT subject_id, workflow_id, stream, random()
    FROM consensus_consensus, unnest(ARRAY['random', 'gold']) stream
    WHERE workflow_id = %s AND subject_id = ANY(%s) AND (stream = 'random' OR is_gold)
    ON CONFLICT (subject_id, workflow_id, stream) DO NOTHING
"""


def streams_of(row: Consensus) -> list[str]:
    """Return the streams in which a galaxy waits to be shown, in the order of their names.

    Those that a network ranks come and go with its predictions, so they are not among these.
    """
    if row.retired_at:
        return []
    return sorted([Stream.RANDOM, Stream.GAIN, *([Stream.GOLD] if row.is_gold else [])])


def _wait_again(subject_ids: Sequence[int], workflow_id: int) -> None:
    """Let galaxies that were opened again wait in the queues, those that a network ranks too.

    A galaxy without a `prior_model` is scored: from what is stored, so its prior stays meanwhile.
    """
    _enqueue(subject_ids, workflow_id)
    seen = Consensus.objects.filter(workflow_id=workflow_id, subject_id__in=subject_ids)
    seen.filter(prior_model__isnull=False).update(prior_model=None)


def _enqueue(subject_ids: Sequence[int], workflow_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, [workflow_id, list(subject_ids)])


def readmit(workflow: Workflow, rows: Sequence[Consensus]) -> None:
    """Open locked galaxies whose set has come back, then judge those along the present tree."""
    workflow = present(workflow)
    for row in rows:
        _reopen(row)
        if not row.subject.display_sha256:
            row.retired_at, row.retired_reason = timezone.now(), RetiredReason.UNSEEN
            row.retired_words = str(RetiredReason.UNSEEN.label)
    _wait_again([row.subject_id for row in rows if not row.retired_at], workflow.pk)
    put_tallies(workflow=workflow, tallies=[row for row in rows if row.tree_id == workflow.tree_id])
    for row in rows:
        if row.tree_id != workflow.tree_id:  # judged when it follows the tree
            _save(row, 0.0)


@transaction.atomic
def mark_gold(*, workflow: Workflow, subject_ids: Sequence[int], is_gold: bool) -> None:
    """Say whether experts have answered these galaxies, and judge them anew."""
    rows = locked(workflow, subject_ids)
    workflow = present(workflow)
    Consensus.objects.filter(pk__in=[row.pk for row in rows]).update(is_gold=is_gold)
    for row in rows:
        row.is_gold = is_gold
    put_tallies(
        workflow=workflow,
        tallies=[row for row in rows if row.tree_id == workflow.tree_id],
        why="experts have answered it" if is_gold else "experts' answer was removed",
    )
    mend_queue(workflow_id=workflow.pk, subject_ids=[row.subject_id for row in rows])


def locked(workflow: Workflow, subject_ids: Sequence[int]) -> list[Consensus]:
    """Lock the tallies of these galaxies, in the order of all who lock several."""
    rows = Consensus.objects.filter(workflow=workflow, subject_id__in=subject_ids)
    return list(rows.select_for_update(no_key=True).order_by("subject_id"))


def judge_all(workflow: Workflow) -> int:
    """Judge every tally of a campaign by its present rule, a chunk at a time.

    Safe to be killed: until the end the campaign says that it waits to be judged.

    Returns:
        How many tallies were looked at.
    """
    version, n_seen, last = workflow.rule_version, 0, 0
    while chunk := _judge_chunk(workflow, after=last):
        n_seen, last = n_seen + len(chunk), chunk[-1].subject_id
    Workflow.objects.filter(pk=workflow.pk, rule_version=version).update(
        judged_rule_version=version
    )
    return n_seen


@transaction.atomic
def _judge_chunk(workflow: Workflow, *, after: int) -> list[Consensus]:
    rows = list(
        Consensus.objects.filter(workflow=workflow, subject_id__gt=after)
        .select_for_update(no_key=True)
        .order_by("subject_id")[:CHUNK]
    )
    workflow = present(workflow)
    # Those along an older tree are judged when they follow it.
    put_tallies(
        workflow=workflow,
        tallies=[row for row in rows if row.tree_id == workflow.tree_id],
        why="the rule has changed",
    )
    return rows


def mend_queue(*, workflow_id: int, subject_ids: Sequence[int]) -> None:
    """Let exactly the open ones of these galaxies wait in the queue; their tallies are locked."""
    retired = Consensus.objects.filter(
        workflow_id=workflow_id, subject_id__in=subject_ids, retired_at__isnull=False
    ).values_list("subject_id", flat=True)
    gone = set(retired)
    Queue.objects.filter(workflow_id=workflow_id, subject_id__in=gone).delete()
    known = Consensus.objects.filter(workflow_id=workflow_id, is_gold=True)
    Queue.objects.filter(
        workflow_id=workflow_id, subject_id__in=subject_ids, stream=Stream.GOLD
    ).exclude(subject_id__in=known.values("subject_id")).delete()
    _enqueue([i for i in subject_ids if i not in gone], workflow_id)
