"""What is stored of a campaign's galaxies at one moment, as arrays, some thousands at a time.

PostgreSQL sends the numbers in its binary COPY format, where every row has the same layout: a chunk
is one array operation. Texts come as rows. Each chunk is found by its first id, so that no
statement is long, and all of them see the same moment.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from inference.formats.tree import Tree
from webapp.common.errors import DomainError
from webapp.exports.column import Kind
from webapp.exports.evidence import Evidence
from webapp.workflows.models import Workflow

CHUNK = 20_000  # galaxies held at once
_HEADER, _TRAILER = 19, 2  # bytes before the first row, and after the last
_NEVER = np.iinfo(np.int64).min  # an instant that there is none of; NumPy's NaT
Cursor = psycopg.Cursor[Any]
Texts = list[tuple[Any, ...]]


class StillCounting(DomainError):
    """The campaign's tree has changed, and its votes are being counted along the new one."""


def evidence(
    workflow: Workflow, *, chunk: int = 0, subject_ids: Sequence[int] | None = None
) -> Iterator[Evidence]:
    """Yield all galaxies of a campaign by growing id, as they are at the first one's moment.

    See `evidence_at` and `one_moment`.
    """
    with one_moment() as moment:
        yield from evidence_at(moment, workflow, chunk=chunk, subject_ids=subject_ids)


def evidence_at(
    moment: Cursor,
    workflow: Workflow,
    *,
    chunk: int = 0,
    subject_ids: Sequence[int] | None = None,
) -> Iterator[Evidence]:
    """Yield all galaxies of a campaign by growing id, as they are at that moment.

    Args:
        chunk: galaxies a time; 0 for as many as CHUNK says.
        subject_ids: only these.

    Raises:
        StillCounting: see there.
    """
    _check_counted(moment, workflow)
    reader = _Reader(moment, workflow, chunk or CHUNK, subject_ids)
    after = -1
    while len(some := reader.chunk(after)):
        yield some
        after = int(some.subject_id[-1])


@contextmanager
def one_moment() -> Iterator[Cursor]:
    """Give a cursor whose statements all see the database as it is at the first of them.

    Inside a transaction of the caller's it is that one's; else it has a connection and a read-only
    transaction of its own, so that the caller may write meanwhile.
    """
    if connection.in_atomic_block:
        with connection.cursor() as wrapped:
            yield wrapped.cursor
        return
    own = connection.copy()
    own.connect()
    try:
        own.connection.autocommit = False
        own.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        own.connection.read_only = True
        with psycopg.ClientCursor(own.connection) as cursor:
            yield cursor
    finally:
        own.close()


def read_ahead(moment: Cursor, parts: Iterator[Evidence]) -> Generator[Evidence]:
    """Yield the same parts, each read while the one before it is worked on.

    Inside a transaction of the caller's they come one after another: its connection is also used
    for other statements meanwhile.
    """
    if moment.connection is connection.connection:
        yield from parts
        return
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, parts, None)
            yield part


def _check_counted(cursor: Cursor, workflow: Workflow) -> None:
    cursor.execute(
        "SELECT count(*) FROM consensus_consensus WHERE workflow_id = %s AND tree_id <> %s",
        [workflow.pk, workflow.tree_id],
    )
    (n_behind,) = cursor.fetchone() or (0,)
    if n_behind:
        raise StillCounting(
            f"The tree of {workflow.name} has changed, and the votes of {n_behind:,} galaxies are "
            f"still being counted along the new one: try again in some minutes."
        )


_ROWS = """
    FROM consensus_consensus known
    JOIN subjects_subject subject ON subject.id = known.subject_id
    WHERE known.workflow_id = {workflow} AND known.subject_id > {after} AND {chosen}
    ORDER BY known.subject_id LIMIT {limit}
"""
_NUMBERS = """
    COPY (
        SELECT known.subject_id, known.n_classifications, known.is_gold,
               coalesce(subject.ra_deg, 'NaN'), coalesce(subject.dec_deg, 'NaN'),
               subject.filled_share,
               coalesce((extract(epoch FROM known.retired_at) * 1000000)::bigint, {never}),
               EXISTS (SELECT FROM consensus_flag flag
                       WHERE flag.workflow_id = known.workflow_id
                       AND flag.subject_id = known.subject_id),
               known.votes, known.asked, known.weighted, known.weighted_asked,
               coalesce(known.prior, array_fill('NaN'::real, ARRAY[{k}]))
        {rows}
    ) TO STDOUT (FORMAT BINARY)
"""
_TEXTS = """
    SELECT subject.survey_id, subject.subject_set_id, known.prior_model_id, known.retired_reason
           {metadata}
    {rows}
"""


class _Reader:
    """What every chunk of one moment is read with."""

    def __init__(
        self, cursor: Cursor, workflow: Workflow, limit: int, subject_ids: Sequence[int] | None
    ) -> None:
        self.cursor, self.workflow, self.limit = cursor, workflow, limit
        self.chosen: sql.Composable = sql.SQL("true")
        if subject_ids is not None:
            chosen = sql.SQL("known.subject_id = ANY({})")
            self.chosen = chosen.format(sql.Literal(list(subject_ids)))
        self.sources = _sources(cursor, workflow)
        cursor.execute("SELECT id, slug FROM subjects_subjectset")
        self.sets = dict(cursor.fetchall())
        cursor.execute("SELECT id, left(sha256, 8) FROM registry_modelversion")
        self.models = {None: "", **dict(cursor.fetchall())}

    def chunk(self, after: int) -> Evidence:
        """Return the galaxies that come after an id, none at the end."""
        rows = sql.SQL(_ROWS).format(
            workflow=sql.Literal(self.workflow.pk),
            after=sql.Literal(after),
            chosen=self.chosen,
            limit=sql.Literal(self.limit),
        )
        texts = self._texts(rows)
        return Evidence(
            tree=self.workflow.tree.tree,
            **self._numbers(rows),
            survey_id=_objects([row[0] for row in texts]),
            survey=_objects([self.sets[row[1]] for row in texts]),
            model=_objects([self.models[row[2]] for row in texts]),
            retired_reason=_objects([row[3] for row in texts]),
            metadata={
                source.name: _column([row[place] for row in texts], is_number=source.kind.is_float)
                for place, source in enumerate(self.sources, 4)
            },
        )

    def _numbers(self, rows: sql.Composed) -> dict[str, Any]:
        tree = self.workflow.tree.tree
        statement = sql.SQL(_NUMBERS).format(
            never=sql.Literal(int(_NEVER)), k=sql.Literal(tree.n_answers), rows=rows
        )
        with self.cursor.copy(statement) as copy:
            content = b"".join(bytes(part) for part in copy)
        return _parsed(content, _layout(tree))

    def _texts(self, rows: sql.Composed) -> Texts:
        """Return survey id, set, model and reason of each galaxy, then its metadata as text."""
        wanted = [
            sql.SQL(", subject.metadata ->> {}").format(sql.Literal(source.key))
            for source in self.sources
        ]
        self.cursor.execute(sql.SQL(_TEXTS).format(metadata=sql.Composed(wanted), rows=rows))
        return self.cursor.fetchall()


def _parsed(content: bytes, layout: np.dtype[Any]) -> dict[str, Any]:
    n_rows, rest = divmod(len(content) - _HEADER - _TRAILER, layout.itemsize)
    if rest:
        raise ValueError(f"{rest} bytes more than {n_rows} rows: a tally is not along its tree")
    found = np.frombuffer(content, layout, n_rows, _HEADER)
    plain = {name: _native(found[name]) for name in ("subject_id", "n_classifications", *_PLACE)}
    arrays = {name: _native(found[name]["of"]["value"]) for name in _ARRAYS}
    return {
        **plain,
        **arrays,
        "is_gold": found["is_gold"] != 0,
        "n_flags": found["n_flags"].astype(np.int32),
        "retired_at": _native(found["retired_at"]).view("datetime64[us]"),
    }


_PLACE = ("ra", "dec", "filled_share")
_ARRAYS = ("votes", "asked", "weighted", "weighted_asked", "prior")


def _layout(tree: Tree) -> np.dtype[Any]:
    """Return the layout of one row: each value after its length, all big-endian."""
    k, q = tree.n_answers, tree.n_questions
    fields = [
        ("subject_id", ">i8"), ("n_classifications", ">i4"), ("is_gold", "u1"), ("ra", ">f8"),
        ("dec", ">f8"), ("filled_share", ">f8"), ("retired_at", ">i8"), ("n_flags", "u1"),
        ("votes", _array(">i4", k)), ("asked", _array(">i4", q)), ("weighted", _array(">f4", k)),
        ("weighted_asked", _array(">f4", q)), ("prior", _array(">f4", k)),
    ]  # fmt: skip
    layout: list[Any] = [("n_fields", ">i2")]
    for name, kind in fields:
        layout += [(f"{name}_bytes", ">i4"), (name, kind)]
    return np.dtype(layout)


def _array(kind: str, n: int) -> list[Any]:
    """Return the layout of an array without nulls: dimensions, type, and each value's length."""
    return [("head", ">i4", (5,)), ("of", [("bytes", ">i4"), ("value", kind)], (n,))]


def _native(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("="))


@dataclass(frozen=True)
class Source:
    """A column of a survey's own: its key in the database, with its marks, and its plain name."""

    key: str
    name: str
    kind: Kind


_MARKS = "!%"  # of columns that are hidden while voting, or shown as links
_HIDDEN = "#"  # from volunteers for good
# A column is one of numbers if each of its values is one; texts such as "inf" and "nan" are not.
_SOURCES = r"""
    SELECT item.key, bool_and(trim(item.value) ~ '^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$')
    FROM consensus_consensus known
    JOIN subjects_subject subject ON subject.id = known.subject_id,
    LATERAL jsonb_each_text(subject.metadata) item
    WHERE known.workflow_id = %s AND trim(item.value) <> ''
    GROUP BY item.key ORDER BY item.key
"""


def metadata_kinds(workflow: Workflow) -> dict[str, Kind]:
    """Return what the surveys say of a campaign's galaxies: names without marks, in their order.

    What a manifest hides from volunteers for good ("#") is not there.
    """
    with connection.cursor() as cursor:
        return kinds_at(cursor, workflow)


def kinds_at(moment: Any, workflow: Workflow) -> dict[str, Kind]:
    """Return the same as it is at a moment."""
    return {source.name: source.kind for source in _sources(moment, workflow)}


def _sources(cursor: Any, workflow: Workflow) -> list[Source]:
    cursor.execute(_SOURCES, [workflow.pk])
    found: dict[str, Source] = {}
    for key, is_number in cursor.fetchall():
        name = key.lstrip(_MARKS)
        if not key.startswith(_HIDDEN):
            found.setdefault(name, Source(key, name, Kind.FLOAT64 if is_number else Kind.TEXT))
    return list(found.values())


def _objects(values: Sequence[str]) -> NDArray[np.object_]:
    found = np.empty(len(values), np.object_)
    found[:] = values
    return found


def _column(values: Sequence[str | None], *, is_number: bool) -> NDArray[Any]:
    if not is_number:
        return _objects(["" if value is None else value for value in values])
    found = np.array([(value or "").strip() or "nan" for value in values], np.float64)
    found[~np.isfinite(found)] = np.nan  # of more than 308 digits
    return found
