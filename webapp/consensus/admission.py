"""Giving the galaxies of linked sets their tallies and their places in the queues, and taking them.

As everywhere, a transaction locks tallies in the order of their subjects, queues after them.
"""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from webapp.common.wake import wake
from webapp.consensus import evidence, services
from webapp.consensus.models import Consensus, Queue, RetiredReason
from webapp.subjects.models import SetLink
from webapp.workflows.models import Workflow

ADMIT_CHUNK = 5000  # new rows that one statement adds; nobody waits for them


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


# A chunk of ids first: whatever the set's size, what has been admitted is not looked at again. A
# galaxy without a picture, of which another project has votes, is never shown.
_ADD = """
    added AS (
        INSERT INTO consensus_consensus (
            workflow_id, subject_id, tree_id, votes, asked, weighted, weighted_asked,
            n_classifications, is_gold, retired_at, retired_reason, retired_words)
        SELECT %(workflow)s, id, %(tree)s, array_fill(0, ARRAY[%(k)s]),
               array_fill(0, ARRAY[%(q)s]), array_fill(0::real, ARRAY[%(k)s]),
               array_fill(0::real, ARRAY[%(q)s]), 0, false,
               CASE WHEN display_sha256 = '' THEN now() END,
               CASE WHEN display_sha256 = '' THEN 'unseen' ELSE '' END,
               CASE WHEN display_sha256 = '' THEN %(unseen)s ELSE '' END
        FROM chunk
        ON CONFLICT (workflow_id, subject_id) DO NOTHING
        RETURNING subject_id, retired_at
    ), queued AS (
        INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
        SELECT subject_id, %(workflow)s, 'random', random() FROM added WHERE retired_at IS NULL
        UNION ALL
        SELECT subject_id, %(workflow)s, 'gain', %(gain)s FROM added WHERE retired_at IS NULL
        ON CONFLICT (subject_id, workflow_id, stream) DO NOTHING
    )
    SELECT count(*), max(id) FROM chunk
"""
_ADMIT = f"""
    WITH chunk AS (
        SELECT id, display_sha256 FROM subjects_subject
        WHERE subject_set_id = %(set)s AND id > %(after)s
        ORDER BY id LIMIT %(limit)s
    ), {_ADD}
"""  # noqa: S608 - constants
_ADMIT_THESE = f"""
    WITH chunk AS (
        SELECT id, display_sha256 FROM subjects_subject WHERE id = ANY(%(subjects)s)
    ), {_ADD}
"""  # noqa: S608 - constants


def _values(workflow: Workflow) -> dict[str, str | int | float | list[int]]:
    tree = workflow.tree
    return {
        "workflow": workflow.pk,
        "tree": tree.pk,
        "k": tree.n_answers,
        "q": tree.n_questions,
        "gain": evidence.first_gain(tree.tree),
        "unseen": str(RetiredReason.UNSEEN.label),
    }


def admit_these(workflow: Workflow, subject_ids: Sequence[int]) -> None:
    """Give these galaxies of linked sets their tallies now, since votes for them are here."""
    with connection.cursor() as cursor:
        cursor.execute(_ADMIT_THESE, _values(workflow) | {"subjects": list(subject_ids)})


def _admit(link: SetLink) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _ADMIT,
            _values(link.workflow)
            | {
                "set": link.subject_set_id,
                "after": link.admitted_subject_id,
                "limit": ADMIT_CHUNK,
            },
        )
        n_admitted, last = cursor.fetchone()
    link.admitted_subject_id = last or link.admitted_subject_id
    if n_admitted:
        wake("scoring")
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
    return list(
        rows.select_for_update(of=("self",), no_key=True).order_by("subject_id")[: services.CHUNK]
    )


def _readmit(link: SetLink) -> int:
    rows = _of_set(link) if link.has_withdrawn else []
    link.has_withdrawn = bool(rows)
    services.readmit(link.workflow, rows)
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
