"""Writing predictions, planning who scores what, and asking for heat maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.predictions import copying, queries
from webapp.predictions.models import Batch, HeatMap, Prediction
from webapp.predictions.said import Said
from webapp.registry.models import ModelVersion
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

MOST_MAPS = 50  # that wait on the whole site: each takes a second or several
BATCH = 2000  # galaxies of a batch; a killed worker's are taken over
MOST_STUCK = 3  # batches of a campaign that fail; then nothing more is planned until somebody looks


class NoSuchAnswer(DomainError):
    """The network's tree has no answer of this name."""


class TooManyWait(DomainError):
    """So many maps wait already that this one would come late."""


def plan_batch(*, prefer: str = "") -> Batch | None:
    """Write down the next galaxies that somebody has to score; None if none are left.

    One at a time on the whole site, so that no galaxy is in two batches.

    Args:
        prefer: hash of the network that the caller has loaded; it is asked first.
    """
    serving = sorted(queries.serving(), key=lambda pair: pair[1].sha256 != prefer)
    for workflow, model in serving:
        if batch := _plan(workflow, model):
            return batch
    return None


@transaction.atomic
def _plan(workflow: Workflow, model: ModelVersion) -> Batch | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('score'))")
    of_workflow = Batch.objects.filter(workflow=workflow)
    of_workflow.exclude(model=model).filter(status=WorkStatus.FAILED).delete()
    planned = list(of_workflow.filter(model=model))
    if sum(batch.attempts > 1 or not batch.is_open for batch in planned) >= MOST_STUCK:
        return None
    taken = [subject_id for batch in planned for subject_id in batch.subject_ids]
    found = queries.unscored(workflow, model, without=taken, limit=BATCH)
    if not found:
        return None
    return Batch.objects.create(
        workflow=workflow, model=model, subject_ids=sorted(found), n_total=len(found)
    )


# Unlogged and this connection's alone; what it takes in goes on to where it stays, at once.
_WAITING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS predictions_copied (
        subject_id bigint, concentrations real[], ignorance real, embedding halfvec(128)
    ) ON COMMIT DELETE ROWS
"""
_TAKE_IN = """
    INSERT INTO predictions_prediction
        (model_id, subject_id, concentrations, ignorance, embedding, error)
    SELECT %s, subject_id, concentrations, ignorance, embedding, '' FROM predictions_copied
    ORDER BY subject_id
    ON CONFLICT (model_id, subject_id) DO NOTHING
"""


@transaction.atomic
def store_predictions(*, model: ModelVersion, subject_ids: Sequence[int], said: Said) -> None:
    """Store what a network said of galaxies; what it has said before stays as it is.

    Args:
        subject_ids: (n,), of the pictures that `said` is about.
    """
    ids = queries.as_array(subject_ids)
    refused = np.array([error is not None for error in said.errors])
    Prediction.objects.bulk_create(
        [
            Prediction(model=model, subject_id=subject_id, error=error)
            for subject_id, error in zip(subject_ids, said.errors, strict=True)
            if error is not None
        ],
        ignore_conflicts=True,
    )
    good = ~refused
    rows = copying.payload(
        ids[good], said.concentrations[good], said.ignorance[good], said.embedding[good]
    )
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        with cursor.copy("COPY predictions_copied FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(rows)
        cursor.execute(_TAKE_IN, [model.pk])
        cursor.execute("DELETE FROM predictions_copied")


_NOTE = """
    INSERT INTO predictions_scoring (model_id, provider, n_scored, n_refused, per_s, scored_at)
    VALUES (%(model)s, %(provider)s, %(n)s, %(n_refused)s, %(per_s)s, now())
    ON CONFLICT (model_id) DO UPDATE SET
        provider = excluded.provider, per_s = excluded.per_s, scored_at = excluded.scored_at,
        n_scored = predictions_scoring.n_scored + excluded.n_scored,
        n_refused = predictions_scoring.n_refused + excluded.n_refused
"""


def note_pace(*, model: ModelVersion, provider: str, said: Said, per_s: float) -> None:
    """Note where a network runs and how fast, in the transaction that stores what it said."""
    n_refused = sum(error is not None for error in said.errors)
    values: dict[str, Any] = {
        "model": model.pk,
        "provider": provider,
        "n": len(said),
        "n_refused": n_refused,
        "per_s": per_s,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)


def retry_batches(*, workflow: Workflow) -> int:
    """Let batches that failed be tried again; return how many."""
    failed = Batch.objects.filter(workflow=workflow, status=WorkStatus.FAILED)
    n_retried = sum(work.retry(batch) for batch in failed)
    if n_retried:
        wake("scoring")
    return n_retried


@transaction.atomic
def ask_for_map(*, model: ModelVersion, subject: Subject, answer: str, by: User) -> HeatMap:
    """Return the map of an answer; a new one waits for a worker, asking twice makes one.

    Raises:
        NoSuchAnswer: the network's tree has none of this name.
        TooManyWait: come again later.
    """
    names = {model.tree.tree.name(one) for one in model.tree.tree.answers}
    if answer not in names:
        raise NoSuchAnswer(
            _("The model knows no answer %(answer)s. Choose one of the list.")
            % {"answer": f"{answer[:100]!r}"}
        )
    known = HeatMap.objects.filter(model=model, subject=subject, answer=answer).first()
    if known is None:
        known = _asked(model, subject, answer, by)
    elif known.status == WorkStatus.FAILED:
        work.retry(known)
        known.refresh_from_db()
    wake("maps")
    return known


def _asked(model: ModelVersion, subject: Subject, answer: str, by: User) -> HeatMap:
    if HeatMap.objects.filter(status=WorkStatus.PENDING).count() >= MOST_MAPS:
        raise TooManyWait(
            _("%(most_maps)s maps wait already. Ask for this one in a minute.")
            % {"most_maps": MOST_MAPS}
        )
    key = {"model": model, "subject": subject, "answer": answer}
    HeatMap.objects.bulk_create([HeatMap(**key, requested_by=by)], ignore_conflicts=True)
    return HeatMap.objects.get(**key)
