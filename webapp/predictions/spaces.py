"""What follows from a network's embeddings once it has seen its galaxies: outliers and an index.

Both wait until nothing is left to be scored, so that nothing is measured twice and an index is
built once; whatever is scored later is added by the next round.
"""

import logging
from collections.abc import Sequence

import numpy as np
from django.db import connection, transaction
from django.db.models import Max
from numpy.typing import NDArray

from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.consensus import priors
from webapp.consensus.models import Stream
from webapp.consensus.services import CHUNK
from webapp.predictions import index, likeness, queries
from webapp.predictions.fields import parsed
from webapp.predictions.models import Batch, Prediction, Space, Unusual
from webapp.registry.models import ModelVersion
from webapp.workflows.models import Workflow

logger = logging.getLogger(__name__)

REFERENCE = 4096  # embeddings that all others are compared with
_AGAIN = 4  # times as many galaxies: then the sample is drawn anew


def refresh_spaces(*, deadline_s: float) -> int:
    """Compare what is new of every network that serves, and index it; return for how many."""
    models = {model.pk: model for _, model in queries.serving()}
    for model in models.values():
        if _is_settled(model) and _has_new(model):
            _ask(model)
    index.drop_others(list(models))
    return work.run_all(Space, run_space, deadline_s=deadline_s)


def _is_settled(model: ModelVersion) -> bool:
    """Say whether no galaxy of any campaign waits for this network."""
    if Batch.objects.filter(model=model, status__in=_OPEN).exists():
        return False
    campaigns = [workflow for workflow, other in queries.serving() if other == model]
    return not any(queries.unscored(workflow, model, limit=1) for workflow in campaigns)


_OPEN = (WorkStatus.PENDING, WorkStatus.RUNNING)


def _has_new(model: ModelVersion) -> bool:
    newest = Prediction.objects.filter(model=model).aggregate(newest=Max("pk"))["newest"] or 0
    known = Space.objects.filter(model=model).first()
    return bool(newest > (known.last_prediction_id if known else 0))


def _ask(model: ModelVersion) -> None:
    Space.objects.get_or_create(model=model)
    ended = Space.objects.filter(model=model, status=WorkStatus.DONE)
    ended.update(status=WorkStatus.PENDING, attempts=0, finished_at=None)


def run_space(space: Space) -> None:
    """Compare a network's new embeddings with its sample, then build the index if it is due."""
    ids, sample = _reference(space)
    while rows := _next_rows(space):
        work.rest(space)
        _compare(space, rows, ids, sample)
    n_seen = Prediction.objects.filter(model=space.model, error="").count()
    if n_seen >= index.INDEX_FROM and not space.is_indexed:
        index.build(space.model)
        space.recall = index.recall(space.model)
        space.is_indexed = True
        logger.info("The index of %s finds %.3f of the look-alikes.", space.model, space.recall)
    with transaction.atomic():
        work.hold(space)
        Space.objects.filter(pk=space.pk).update(is_indexed=space.is_indexed, recall=space.recall)
        work.finish(space)


_SAMPLE = """
    SELECT subject_id, embedding::text FROM predictions_prediction
    WHERE model_id = %s AND embedding IS NOT NULL ORDER BY hashint8(subject_id), subject_id LIMIT %s
"""


def _reference(space: Space) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the sample; where there are many more galaxies than at first, all is compared anew."""
    n_seen = Prediction.objects.filter(model=space.model, error="").count()
    if min(n_seen, REFERENCE) > _AGAIN * space.n_reference:
        space.n_reference, space.last_prediction_id = min(n_seen, REFERENCE), 0
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, [space.model_id, REFERENCE])
        return _arrays(cursor.fetchall())


def _arrays(rows: Sequence[tuple[int, str]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    ids = queries.as_array([row[0] for row in rows])
    return ids, np.array([parsed(row[1]) for row in rows], np.float32)


Row = tuple[int, int, str | None]
_NEXT = """
    SELECT id, subject_id, embedding::text FROM predictions_prediction
    WHERE model_id = %s AND id > %s ORDER BY id LIMIT %s
"""


def _next_rows(space: Space) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [space.model_id, space.last_prediction_id, CHUNK])
        return list(cursor.fetchall())


def _compare(
    space: Space,
    rows: Sequence[Row],
    sample_ids: NDArray[np.int64],
    sample: NDArray[np.float32],
) -> None:
    ids, embeddings = _arrays([(row[1], row[2]) for row in rows if row[2] is not None])
    space.last_prediction_id = rows[-1][0]
    with transaction.atomic():
        if len(ids):
            found = likeness.distances(embeddings, ids, sample, sample_ids)
            put_unusual(model=space.model, subject_ids=ids, distances=found)
        work.hold(space)
        Space.objects.filter(pk=space.pk).update(
            last_prediction_id=space.last_prediction_id, n_reference=space.n_reference
        )
        work.report(space, n_done=space.n_done + len(rows))


def put_unusual(
    *, model: ModelVersion, subject_ids: NDArray[np.int64], distances: NDArray[np.float64]
) -> None:
    """Store how unusual galaxies are to a network, and let them wait by it where it serves."""
    for workflow, serving in queries.serving():
        if serving == model:
            _rank(workflow, subject_ids, distances)
    Unusual.objects.bulk_create(
        [
            Unusual(model=model, subject_id=subject_id, distance=distance)
            for subject_id, distance in zip(subject_ids.tolist(), distances.tolist(), strict=True)
        ],
        update_conflicts=True,
        unique_fields=["subject", "model"],
        update_fields=["distance"],
    )


def follow(workflow: Workflow, model: ModelVersion, subject_ids: Sequence[int]) -> None:
    """Let galaxies wait by how unusual they are known to be, as after a rollback."""
    known = Unusual.objects.filter(model=model, subject_id__in=subject_ids)
    rows = list(known.order_by("subject_id").values_list("subject_id", "distance"))
    if rows:
        distances = np.array([row[1] for row in rows], np.float64)
        _rank(workflow, queries.as_array([row[0] for row in rows]), distances)


def _rank(
    workflow: Workflow, subject_ids: NDArray[np.int64], distances: NDArray[np.float64]
) -> None:
    priors.put_keys(
        workflow=workflow, stream=Stream.UNUSUAL, subject_ids=subject_ids, keys=distances
    )
