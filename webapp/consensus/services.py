"""Writing the tallies, retiring galaxies, and keeping the queues.

Locks: a transaction locks tallies first and in the order of their subjects, queues after them.
Whoever judges or moves tallies reads the campaign after having locked them: its tree and its rule
may have changed while the lock was waited for.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from inference.belief.retirement import Rule, Verdict
from inference.formats.tree import Tree
from webapp.common.errors import NotFound
from webapp.consensus import tally
from webapp.consensus.models import Consensus, Flag, Progress, Queue, RetiredReason, Stream
from webapp.subjects.models import SetLink
from webapp.workflows.models import Workflow

CHUNK = 500  # rows that one transaction may lock
ADMIT_CHUNK = 5000  # new rows that one statement adds; nobody waits for them
PROGRESS_RATION = 50  # summing may take a fiftieth of the time


def lock_tally(*, workflow_id: int, subject_id: int) -> Consensus:
    """Lock the tally of a galaxy until the transaction ends.

    Raises:
        NotFound: this campaign does not ask about this galaxy.
    """
    for found in Consensus.objects.raw(_LOCK, [workflow_id, subject_id]):
        return found
    raise NotFound(f"Galaxy {subject_id} is not part of this campaign. Ask for the next galaxy.")


# Written out, like the update below: every vote pays for them, and would pay for the query
# compiler too.
_LOCK = """
    SELECT * FROM consensus_consensus WHERE workflow_id = %s AND subject_id = %s
    FOR NO KEY UPDATE
"""


def present(workflow: Workflow) -> Workflow:
    """Read a campaign again; for locked tallies its tree and rule are then the ones that hold."""
    return Workflow.objects.present(workflow.pk)


def count_votes(
    *, locked: Consensus, path: Sequence[int], tree: Tree, axis: Tree, rule: Rule, by: uuid.UUID
) -> Verdict:
    """Add one classification to a locked tally, and retire the galaxy if the rule says so.

    Args:
        locked: from `lock_tally`, not retired.
        tree: the version that was answered; `axis` the campaign's own, which the tally is along.
        by: the classification's uuid.
    """
    answers, questions = tally.counted(path, tree, axis)
    tally.add(locked.votes, answers)
    tally.add(locked.asked, questions)
    locked.n_classifications += 1
    verdict = rule.verdict(locked.votes, locked.n_classifications)
    if verdict.retired:
        _retire(locked, verdict, by=by)
    if verdict.flagged:
        flag_subject(
            workflow_id=locked.workflow_id, subject_id=locked.subject_id, words=verdict.reason
        )
    _save(locked)
    return verdict


def _retire(locked: Consensus, verdict: Verdict, *, by: uuid.UUID | None) -> None:
    locked.retired_at = timezone.now()
    locked.retired_reason = verdict.key
    locked.retired_words = verdict.reason
    locked.retired_by = by


def flag_subject(*, workflow_id: int, subject_id: int, words: str) -> None:
    """Put a galaxy on the owner's list, once."""
    Flag.objects.bulk_create(
        [Flag(workflow_id=workflow_id, subject_id=subject_id, words=words)], ignore_conflicts=True
    )


def put_tallies(*, workflow: Workflow, tallies: Iterable[Consensus]) -> None:
    """Replace locked tallies by recomputed ones, and judge each of them anew."""
    rule = workflow.parsed_rule
    for row in tallies:
        row.tree_id = workflow.tree_id
        _judge(row, rule)
        _save(row)


# What is retired waits no longer: in the same round trip.
_SAVE = """
    WITH gone AS (
        DELETE FROM consensus_queue WHERE %s AND subject_id = %s AND workflow_id = %s)
    UPDATE consensus_consensus
    SET tree_id = %s, votes = %s, asked = %s, n_classifications = %s, retired_at = %s,
        retired_reason = %s, retired_words = %s, retired_by = %s
    WHERE id = %s
"""


def _save(row: Consensus) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            [
                row.retired_at is not None, row.subject_id, row.workflow_id,
                row.tree_id, row.votes, row.asked, row.n_classifications, row.retired_at,
                row.retired_reason, row.retired_words, row.retired_by, row.pk,
            ],
        )  # fmt: skip


def _judge(row: Consensus, rule: Rule) -> bool:
    """Retire or reopen a locked tally as the rule says; return whether anything changed.

    What was withdrawn stays so.
    """
    verdict = rule.verdict(row.votes, row.n_classifications)
    if verdict.flagged:
        flag_subject(workflow_id=row.workflow_id, subject_id=row.subject_id, words=verdict.reason)
    if verdict.retired and row.retired_at is None:
        _retire(row, verdict, by=None)
    elif not verdict.retired and row.retired_at and row.retired_reason != RetiredReason.WITHDRAWN:
        _reopen(row)
    else:
        return False
    return True


def _reopen(row: Consensus) -> None:
    row.retired_at, row.retired_reason, row.retired_words, row.retired_by = None, "", "", None
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, [[row.subject_id], row.workflow_id, Stream.RANDOM])


_ENQUEUE = """
    INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
    SELECT unnest(%s::bigint[]), %s, %s, random()
    ON CONFLICT (subject_id, workflow_id, stream) DO NOTHING
"""


def admit_next_chunk() -> bool:
    """Give the galaxies of linked sets their tallies and their places in the queue.

    Returns:
        False when no set waits.
    """
    with transaction.atomic():
        link = (
            SetLink.objects.filter(admitted_version__lt=F("subject_set__version"))
            .select_related("workflow__tree", "subject_set")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)
            .order_by("pk")
            .first()
        )
        if link is None:
            return False
        n_changed = _admit(link) or _readmit(link) if link.is_linked else _withdraw(link)
        if n_changed == 0:
            link.admitted_version = link.subject_set.version
        link.save(update_fields=["admitted_version", "admitted_subject_id", "has_withdrawn"])
    return True


# A chunk of ids first: whatever the set's size, what has been admitted is not looked at again.
_ADMIT = """
    WITH chunk AS (
        SELECT id FROM subjects_subject
        WHERE subject_set_id = %(set)s AND id > %(after)s
        ORDER BY id LIMIT %(limit)s
    ), added AS (
        INSERT INTO consensus_consensus (
            workflow_id, subject_id, tree_id, votes, asked, n_classifications,
            retired_reason, retired_words)
        SELECT %(workflow)s, id, %(tree)s, array_fill(0, ARRAY[%(k)s]),
               array_fill(0, ARRAY[%(q)s]), 0, '', ''
        FROM chunk
        ON CONFLICT (workflow_id, subject_id) DO NOTHING
        RETURNING subject_id
    ), queued AS (
        INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
        SELECT subject_id, %(workflow)s, %(stream)s, random() FROM added
        ON CONFLICT (subject_id, workflow_id, stream) DO NOTHING
    )
    SELECT count(*), max(id) FROM chunk
"""


def _admit(link: SetLink) -> int:
    tree = link.workflow.tree
    with connection.cursor() as cursor:
        cursor.execute(
            _ADMIT,
            {
                "workflow": link.workflow_id,
                "tree": tree.pk,
                "k": tree.n_answers,
                "q": tree.n_questions,
                "set": link.subject_set_id,
                "after": link.admitted_subject_id,
                "stream": Stream.RANDOM,
                "limit": ADMIT_CHUNK,
            },
        )
        n_admitted, last = cursor.fetchone()
    link.admitted_subject_id = last or link.admitted_subject_id
    return int(n_admitted)


def _of_set(link: SetLink) -> list[Consensus]:
    """Lock the next chunk of this set's tallies that are not as the link says."""
    rows = Consensus.objects.filter(
        workflow_id=link.workflow_id, subject__subject_set_id=link.subject_set_id
    )
    if link.is_linked:
        rows = rows.filter(retired_reason=RetiredReason.WITHDRAWN)
    else:
        rows = rows.exclude(retired_reason=RetiredReason.WITHDRAWN)
    return list(rows.select_for_update(of=("self",), no_key=True).order_by("subject_id")[:CHUNK])


def _readmit(link: SetLink) -> int:
    rows = _of_set(link) if link.has_withdrawn else []
    link.has_withdrawn = bool(rows)
    workflow = present(link.workflow)
    for row in rows:
        _reopen(row)
        if row.tree_id == workflow.tree_id:  # the others are judged when they follow the tree
            _judge(row, workflow.parsed_rule)
        _save(row)
    return len(rows)


def _withdraw(link: SetLink) -> int:
    rows = _of_set(link)
    link.has_withdrawn = link.has_withdrawn or bool(rows)
    subject_ids = [row.subject_id for row in rows]
    Consensus.objects.filter(pk__in=[row.pk for row in rows]).update(
        retired_at=Now(),
        retired_reason=RetiredReason.WITHDRAWN,
        retired_words="its set was taken out of the campaign",
        retired_by=None,
    )
    Queue.objects.filter(workflow_id=link.workflow_id, subject_id__in=subject_ids).delete()
    return len(rows)


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
    for row in rows:  # those along an older tree are judged when they follow it
        if row.tree_id == workflow.tree_id and _judge(row, workflow.parsed_rule):
            _save(row)
    return rows


_MEASURE = """
    SELECT count(*), count(retired_at), coalesce(sum(n_classifications), 0),
           coalesce(sum(CASE WHEN retired_at IS NULL THEN least(n_classifications, %(needed)s)
                             ELSE n_classifications END), 0),
           coalesce(sum(CASE WHEN retired_at IS NULL THEN %(needed)s
                             ELSE n_classifications END), 0)
    FROM consensus_consensus
    WHERE workflow_id = %(workflow)s AND retired_reason <> 'withdrawn'
"""


def measure_progress(workflow: Workflow, *, is_rationed: bool = True) -> None:
    """Sum how far a campaign is, unless the last sum was dear and is recent."""
    known = Progress.objects.filter(workflow=workflow).first()
    if is_rationed and known and not _may_measure(known):
        return
    started = time.perf_counter()
    rule = workflow.parsed_rule
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, {"workflow": workflow.pk, "needed": rule.needed()})
        n_subjects, n_retired, n_classifications, n_counted, n_needed = cursor.fetchone()
    Progress.objects.update_or_create(
        workflow=workflow,
        defaults={
            "n_subjects": n_subjects,
            "n_retired": n_retired,
            "n_classifications": n_classifications,
            "n_counted": n_counted,
            "n_needed": n_needed,
            "measured_at": timezone.now(),
            "took_s": time.perf_counter() - started,
        },
    )


def _may_measure(known: Progress) -> bool:
    return timezone.now() - known.measured_at >= timedelta(seconds=PROGRESS_RATION * known.took_s)


def mend_queue(*, workflow_id: int, subject_ids: Sequence[int]) -> None:
    """Let exactly the open ones of these galaxies wait in the queue; their tallies are locked."""
    retired = Consensus.objects.filter(
        workflow_id=workflow_id, subject_id__in=subject_ids, retired_at__isnull=False
    ).values_list("subject_id", flat=True)
    gone = set(retired)
    Queue.objects.filter(workflow_id=workflow_id, subject_id__in=gone).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            _ENQUEUE, [[i for i in subject_ids if i not in gone], workflow_id, Stream.RANDOM]
        )
