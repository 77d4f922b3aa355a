"""Making a catalog's copy for the pages: when something has changed, a fiftieth of the time."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.consensus.models import PROGRESS_RATION
from webapp.explore.columns import Columns
from webapp.explore.models import Edition, EditionColumn
from webapp.explore.stored import Packed, Spool
from webapp.exports import debias, snapshot
from webapp.workflows.models import Workflow

STORED_AT_ONCE = 8  # columns in a transaction


def refresh_editions(*, deadline_s: float) -> int:
    """Make the editions that are behind; return how many were begun."""
    for workflow in Workflow.objects.public().with_tree():
        known = Edition.objects.filter(workflow=workflow).first()
        if known is None or _may_make(known):
            _ask(workflow, known)
    return work.run_all(Edition, make_edition, deadline_s=deadline_s)


def _may_make(known: Edition) -> bool:
    if known.is_open or known.finished_at is None:
        return False
    wait_s = max(settings.EDITION_EVERY_S, PROGRESS_RATION * known.took_s)
    return abs(timezone.now() - known.finished_at) >= timedelta(seconds=wait_s)


def _ask(workflow: Workflow, known: Edition | None) -> None:
    """Put the work up again if the campaign's rows are not those of its edition."""
    if known is None:
        Edition.objects.get_or_create(workflow=workflow)
    elif known.fingerprint != fingerprint(workflow):
        ended = Edition.objects.filter(pk=known.pk, status__in=(WorkStatus.DONE, WorkStatus.FAILED))
        ended.update(status=WorkStatus.PENDING, attempts=0, finished_at=None, error="")


# Every change of a row gives it another xmin: cheaper to compare than what it says.
_FINGERPRINT = """
    SELECT concat_ws(' ', count(*), coalesce(sum(known.xmin::text::bigint), 0),
                     coalesce(sum(known.xmin::text::bigint * (known.subject_id %% 1009)), 0),
                     (SELECT concat_ws(' ', count(*), max(id)) FROM consensus_flag
                      WHERE workflow_id = %(workflow)s),
                     (SELECT max(version) FROM subjects_subjectset subject_set
                      JOIN subjects_setlink link ON link.subject_set_id = subject_set.id
                      WHERE link.workflow_id = %(workflow)s), %(tree)s::bigint, %(debiased)s::text)
    FROM consensus_consensus known WHERE known.workflow_id = %(workflow)s
"""


def fingerprint(workflow: Workflow) -> str:
    """Return what is another text once a vote or a galaxy has come or gone."""
    with connection.cursor() as cursor:
        values = {"workflow": workflow.pk, "tree": workflow.tree_id}
        cursor.execute(_FINGERPRINT, values | {"debiased": "debiased" * workflow.is_debiased})
        return str(cursor.fetchone()[0])


def make_edition(edition: Edition) -> None:
    """Copy a campaign's catalog as it is now, and let the pages read it once it is whole."""
    started_s = time.perf_counter()
    workflow = Workflow.objects.select_related("tree").get(pk=edition.workflow_id)
    metadata = snapshot.metadata_kinds(workflow)
    use = debias.inputs(metadata) if workflow.is_debiased else None
    columns = Columns.of(workflow.tree.tree, metadata, debiased=use is not None)
    as_of, seen = timezone.now(), fingerprint(workflow)
    number = edition.number + 1
    with TemporaryDirectory(prefix="edition-") as folder:
        spool = Spool(Path(folder), columns.stored)
        with snapshot.one_moment() as moment:
            corrected = _corrected(moment, workflow, use)
            for evidence in snapshot.evidence_at(moment, workflow):
                work.rest(edition)
                part = slice(spool.n_rows, spool.n_rows + len(evidence))
                own = None if corrected is None else corrected[part]
                spool.add(columns.stored_values(evidence, own))
        _clear(edition, keep=edition.number)
        for start in range(0, len(columns.stored), STORED_AT_ONCE):
            some = columns.stored[start : start + STORED_AT_ONCE]
            _store(edition, number, [spool.packed(column) for column in some])
    edition.number, edition.as_of, edition.fingerprint = number, as_of, seen
    edition.tree, edition.n_rows = workflow.tree, spool.n_rows
    edition.is_debiased = use is not None
    edition.metadata = {name: str(kind) for name, kind in metadata.items()}
    edition.took_s = time.perf_counter() - started_s
    _finish(edition)


def _corrected(
    moment: snapshot.Cursor, workflow: Workflow, use: debias.Inputs | None
) -> NDArray[np.float32] | None:
    """Return the fractions of all galaxies as at low redshift, (N, K); None if it is not wanted."""
    if use is None:
        return None
    return debias.debiased(debias.gather(snapshot.evidence_at(moment, workflow), use))


def _store(edition: Edition, number: int, packed: Sequence[Packed]) -> None:
    with transaction.atomic():
        work.hold(edition)
        EditionColumn.objects.bulk_create(
            EditionColumn(workflow_id=edition.workflow_id, number=number, **vars(one))
            for one in packed
        )


def _finish(edition: Edition) -> None:
    with transaction.atomic():
        work.hold(edition)
        edition.save(
            update_fields=[
                "number", "as_of", "fingerprint", "tree", "n_rows", "metadata", "took_s",
                "is_debiased",
            ]
        )  # fmt: skip
        work.finish(edition)
    _clear(edition, keep=edition.number)


def _clear(edition: Edition, *, keep: int) -> None:
    """Drop the columns of other editions, whole or left half-way."""
    EditionColumn.objects.filter(workflow=edition.workflow_id).exclude(number=keep).delete()
