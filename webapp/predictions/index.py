"""Look-alikes: the nearest embeddings, exactly, or by an approximate index where there are many.

One partial HNSW index for each network that serves (Malkov and Yashunin 2018, by pgvector), built
when nothing is left to score. Its name is that of the network's row.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from webapp.consensus.models import Consensus, RetiredReason
from webapp.predictions.models import Prediction
from webapp.registry.models import ModelVersion
from webapp.workflows.models import Workflow

INDEX_FROM = 20_000  # embeddings; fewer are compared one by one, in some milliseconds
ALIKE = 12
EF_SEARCH = 100  # candidates that a search keeps: more find more, and take longer
_AHEAD = 4  # times as many are looked at as are wanted, since some are of other campaigns
_FURTHER = 8  # times as many again, where that was too few
_QUERIES = 50  # that the recall is measured with
_NAME = re.compile(r"predictions_alike_(\d+)")
_BYTES_EACH = 1000  # of a vector in the index while it is built
_LEAST_MB, _MOST_MB = 64, 2000


class BeingBuilt(Exception):
    """Another worker builds the index; it will be there the next time."""


def name_of(model_id: int) -> str:
    """Return what a network's index is called."""
    return f"predictions_alike_{model_id}"


# The network's number stands in the text: only then does PostgreSQL see that its index will do.
_NEAREST = """
    SELECT subject_id, embedding <#> %s::halfvec FROM predictions_prediction
    WHERE model_id = {model} AND embedding IS NOT NULL
    ORDER BY embedding <#> %s::halfvec LIMIT %s
"""


def alike(
    model: ModelVersion,
    subject_id: int,
    embedding: str,
    *,
    workflow: Workflow | None = None,
    limit: int = ALIKE,
) -> list[tuple[int, float]]:
    """Return the galaxies that look most like one, with their likeness, the best first.

    Args:
        embedding: of that galaxy, as PostgreSQL writes it.
        workflow: leave out galaxies that are not of this campaign, which makes it look further.

    Returns:
        Subject ids and cosines, 1 for the same.
    """
    n_looked = _AHEAD * limit
    while True:
        near = _nearest(model, embedding, n_looked)
        known = _of_campaign(workflow, [pk for pk, _ in near]) if workflow else dict(near)
        found = [(pk, cosine) for pk, cosine in near if pk in known and pk != subject_id]
        if len(found) >= limit or len(near) < n_looked:
            return found[:limit]
        n_looked *= _FURTHER


def _nearest(model: ModelVersion, embedding: str, n: int) -> list[tuple[int, float]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL hnsw.ef_search = {EF_SEARCH}")
        cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        cursor.execute(_NEAREST.format(model=int(model.pk)), [embedding, embedding, n])
        return [(pk, -distance) for pk, distance in cursor.fetchall()]


def _of_campaign(workflow: Workflow, subject_ids: Sequence[int]) -> set[int]:
    rows = Consensus.objects.filter(workflow=workflow, subject_id__in=subject_ids)
    rows = rows.exclude(retired_reason=RetiredReason.WITHDRAWN)
    return set(rows.values_list("subject_id", flat=True))


def build(model: ModelVersion) -> None:
    """Build a network's index beside the work of everybody else; a half-built one is done again.

    Outside any transaction. Whoever comes while another one builds waits for that one.
    """
    name = name_of(model.pk)
    with _alone(name), connection.cursor() as cursor:
        if _is_whole(name):
            return
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        cursor.execute(
            "SELECT count(*) FROM predictions_prediction WHERE model_id = %s", [model.pk]
        )
        needed_mb = cursor.fetchone()[0] * _BYTES_EACH // 1_000_000
        memory_mb = max(_LEAST_MB, min(needed_mb, _MOST_MB))
        cursor.execute(f"SET maintenance_work_mem = '{memory_mb}MB'")
        cursor.execute("SET lock_timeout = 0")  # it waits for every transaction that is under way
        try:
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY {name} ON predictions_prediction "
                f"USING hnsw (embedding halfvec_ip_ops) WHERE model_id = {int(model.pk)}"
            )
        finally:
            cursor.execute("RESET maintenance_work_mem")
            cursor.execute("RESET lock_timeout")
        cursor.execute("ANALYZE predictions_prediction (model_id)")  # else it may go unused


def _needed_mb(model: ModelVersion) -> int:
    return Prediction.objects.filter(model=model, error="").count() * _BYTES_EACH // 1_000_000


def drop_others(model_ids: Sequence[int]) -> None:
    """Remove the indexes of networks that serve nowhere any more; outside any transaction."""
    for name in _names():
        found = _NAME.fullmatch(name)
        if found and int(found[1]) not in model_ids:
            with _alone(name) as is_alone, connection.cursor() as cursor:
                if is_alone:
                    cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def recall(model: ModelVersion) -> float:
    """Return which share of the true look-alikes the index finds, over some galaxies at random."""
    with connection.cursor() as cursor:
        cursor.execute(_SOME, [model.pk, _QUERIES])
        rows = cursor.fetchall()
    n_found = n_wanted = 0
    for subject_id, embedding in rows:
        quick = {pk for pk, _ in alike(model, subject_id, embedding)}
        with exactly():
            true = {pk for pk, _ in alike(model, subject_id, embedding)}
        n_found, n_wanted = n_found + len(quick & true), n_wanted + len(true)
    return n_found / n_wanted if n_wanted else 1.0


_SOME = """
    SELECT subject_id, embedding::text FROM predictions_prediction
    WHERE model_id = %s AND embedding IS NOT NULL ORDER BY hashint8(subject_id) LIMIT %s
"""


@contextmanager
def exactly() -> Iterator[None]:
    """Have look-alikes searched without an index meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_indexscan = off")
        try:
            yield
        finally:
            cursor.execute("RESET enable_indexscan")


def _is_whole(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = %s",
            [name],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _names() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'predictions_prediction'"
        )
        return [name for (name,) in cursor.fetchall()]


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Say whether nobody else builds this index; whoever waited for a lock would be waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
