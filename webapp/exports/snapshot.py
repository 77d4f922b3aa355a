"""A campaign's galaxies as they are stored at one instant, as arrays, in order of their ids."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.adapt import Buffer, Loader
from psycopg.postgres import types as postgres
from psycopg.pq import Format

from inference.formats.tree import Tree
from webapp.exports.column import Kind
from webapp.exports.evidence import Evidence
from webapp.workflows.models import Workflow

MARKS = "#!%"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
_HEAD, _STEP = 20, 8  # bytes before an array's first value, and of each with its length

_ROWS = """
    SELECT known.subject_id, subject.survey_id, subject_set.slug, subject.ra_deg, subject.dec_deg,
           known.votes, known.asked, known.weighted, known.weighted_asked, known.prior,
           coalesce(left(model.sha256, 8), ''), known.n_classifications,
           (extract(epoch FROM known.retired_at) * 1000000)::bigint, known.retired_reason,
           (SELECT count(*) FROM consensus_flag flag
            WHERE flag.subject_id = known.subject_id AND flag.workflow_id = known.workflow_id),
           known.is_gold, subject.filled_share, subject.metadata
    FROM consensus_consensus known
    JOIN subjects_subject subject ON subject.id = known.subject_id
    JOIN subjects_subjectset subject_set ON subject_set.id = subject.subject_set_id
    LEFT JOIN registry_modelversion model
        ON model.id = known.prior_model_id AND known.prior IS NOT NULL
    WHERE known.workflow_id = %s AND known.tree_id = %s
    ORDER BY known.subject_id
"""
_KINDS = """
    SELECT said.key, bool_and(said.value = '' OR said.value ~ %s)
    FROM consensus_consensus known
    JOIN subjects_subject subject ON subject.id = known.subject_id,
         jsonb_each_text(subject.metadata) said
    WHERE known.workflow_id = %s GROUP BY said.key ORDER BY said.key
"""

_ARRAYS = (postgres["int4"].array_oid, postgres["float4"].array_oid)


class _AsStored(Loader):
    """Leaves an array in PostgreSQL's own bytes, which NumPy reads a thousand at a time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return the bytes."""
        return bytes(data)


def metadata_kinds(workflow: Workflow) -> dict[str, Kind]:
    """Return what the surveys say of a campaign's galaxies, by name: numbers where all are."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, [_NUMBER, workflow.pk])
        found = cursor.fetchall()
    kinds: dict[str, Kind] = {}
    for key, is_number in found:
        name = key.lstrip(MARKS).strip()
        if name and name not in kinds:
            kinds[name] = Kind.FLOAT64 if is_number else Kind.TEXT
    return kinds


def evidence(workflow: Workflow, *, chunk: int = 20_000) -> Iterator[Evidence]:
    """Yield all galaxies whose tally is along the campaign's present tree, some at a time."""
    kinds = metadata_kinds(workflow)
    with _one_instant() as raw, raw.cursor(name="catalog_rows") as cursor:
        for oid in _ARRAYS:
            cursor.adapters.register_loader(oid, _AsStored)
        cursor.execute(_ROWS, [workflow.pk, workflow.tree_id], binary=True)
        while rows := cursor.fetchmany(chunk):
            yield _evidence(workflow.tree.tree, rows, kinds)


@contextmanager
def _one_instant() -> Iterator["Connection[Any]"]:
    """Give the connection itself, in a transaction that sees nothing of what others do meanwhile.

    Inside another transaction it sees what that one does.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection.connection


def _evidence(tree: Tree, rows: Sequence[tuple[Any, ...]], kinds: dict[str, Kind]) -> Evidence:
    (
        ids, names, sets, ra, dec, votes, asked, weighted, weighted_asked, prior, models, counts,
        retired_at, reasons, flags, gold, filled, metadata,
    ) = zip(*rows, strict=True)  # fmt: skip
    n_answers, n_questions = tree.n_answers, tree.n_questions
    return Evidence(
        tree=tree,
        subject_id=np.array(ids, np.int64),
        survey_id=_texts(names),
        survey=_texts(sets),
        ra=_floats(ra),
        dec=_floats(dec),
        votes=_arrays(votes, n_answers, ">i4").astype(np.int32),
        asked=_arrays(asked, n_questions, ">i4").astype(np.int32),
        weighted=_arrays(weighted, n_answers, ">f4").astype(np.float32),
        weighted_asked=_arrays(weighted_asked, n_questions, ">f4").astype(np.float32),
        prior=_arrays(prior, n_answers, ">f4").astype(np.float32),
        model=_texts(models),
        n_classifications=np.array(counts, np.int32),
        retired_at=_instants(retired_at),
        retired_reason=_texts(reasons),
        n_flags=np.array(flags, np.int32),
        is_gold=np.array(gold, bool),
        filled_share=np.array(filled, np.float64),
        metadata=_metadata(metadata, kinds),
    )


def _arrays(blobs: Sequence[bytes | None], width: int, dtype: str) -> NDArray[Any]:
    """Return arrays of one length, (N, width), from PostgreSQL's bytes; NaN where there is none."""
    empty = b"\0" * _HEAD + (b"\0" * 4 + np.array(math.nan, ">f4").tobytes()) * width
    joined = b"".join(empty if blob is None else blob for blob in blobs)
    cells = np.frombuffer(joined, np.uint8).reshape(len(blobs), _HEAD + _STEP * width)[:, _HEAD:]
    pairs = np.ascontiguousarray(cells).view(dtype).reshape(len(blobs), width, 2)
    return pairs[:, :, 1]


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    return np.array(values, object)


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array(values, np.float64)  # NumPy makes None NaN


_NONE = np.iinfo(np.int64).min  # of an instant: NaT


def _instants(values: Sequence[int | None]) -> NDArray[np.datetime64]:
    plain = np.array([_NONE if value is None else value for value in values], np.int64)
    return plain.view("datetime64[us]")


def _metadata(rows: Sequence[dict[str, Any]], kinds: dict[str, Kind]) -> dict[str, NDArray[Any]]:
    plain = [{key.lstrip(MARKS).strip(): said for key, said in row.items()} for row in rows]
    found: dict[str, NDArray[Any]] = {}
    for name, kind in kinds.items():
        said = [str(row.get(name, "")) for row in plain]
        found[name] = _texts(said) if kind is Kind.TEXT else _numbers(said)
    return found


def _numbers(said: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(text) if re.match(_NUMBER, text) else math.nan for text in said])
