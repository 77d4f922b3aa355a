"""A network's predictions as a Parquet file, written as they come; see docs/formats.md."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats.card import EMBEDDING_SIZE, Card
from inference.formats.tree import Tree

FORMAT = 1
METADATA_KEY = b"tuning-fork"


class PredictionsRefused(InferenceError):
    """A file of predictions that cannot be written or read."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What is stored of n pictures over a tree of K answers and Q questions.

    NaN stands where a picture could not be read, and in the file there is no value.
    """

    pictures: Sequence[str]
    errors: Sequence[str | None]
    alpha: NDArray[np.floating[Any]]  # (n, K) calibrated concentrations
    fraction: NDArray[np.floating[Any]]  # (n, K) expected vote fraction within the question
    lower_90: NDArray[np.floating[Any]]  # (n, K)
    upper_90: NDArray[np.floating[Any]]  # (n, K)
    reached: NDArray[np.floating[Any]]  # (n, Q) share of volunteers that would be asked
    ignorance: NDArray[np.floating[Any]]  # (n,) nats
    embedding: NDArray[np.floating[Any]]  # (n, 128)


class PredictionsWriter:
    """Writes predictions batch by batch; the file has its name only when all went well."""

    def __init__(self, path: Path, card: Card, *, sha256: str, provider: str) -> None:
        """Prepare a file.

        Raises:
            PredictionsRefused: its folder cannot be written to.
        """
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._tree = card.tree
        about = {
            "format": FORMAT,
            "model_sha256": sha256,
            "model_id": card.model_id,
            "provider": provider,
            "tree": json.loads(card.tree.to_json()),
        }
        self._schema = _schema(card.tree).with_metadata(
            {METADATA_KEY: json.dumps(about, ensure_ascii=False).encode()}
        )

    def __enter__(self) -> Self:
        try:
            self._file = pq.ParquetWriter(self._temporary, self._schema, compression="zstd")
        except OSError as error:
            raise PredictionsRefused(
                f"{self._path} cannot be written ({error.strerror}): name a file in a folder that "
                f"is there and yours."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, rows: Predictions) -> None:
        """Add some pictures."""
        tree = self._tree
        columns: list[Any] = [list(rows.pictures), list(rows.errors)]
        for answer in tree.answers:
            four = (rows.fraction, rows.lower_90, rows.upper_90, rows.alpha)
            columns += [_nullable(values[:, answer.index]) for values in four]
        columns += [_nullable(rows.reached[:, question.index]) for question in tree.questions]
        columns.append(_nullable(rows.ignorance))
        embedding = np.ascontiguousarray(rows.embedding, np.float16)
        unread = np.array([error is not None for error in rows.errors])
        columns.append(
            pa.FixedSizeListArray.from_arrays(
                pa.array(embedding.ravel()), EMBEDDING_SIZE, mask=pa.array(unread)
            )
        )
        arrays = [
            pa.array(column, field.type) if isinstance(column, list) else column
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


def answer_columns(tree: Tree) -> list[str]:
    """Return the columns of fractions, in the order of the axis."""
    return [f"{tree.column(answer)}_fraction" for answer in tree.answers]


def read_predictions(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Return a file's table, and what it says of the model.

    Raises:
        PredictionsRefused: it is no file of predictions.
    """
    try:
        table = pq.read_table(path, partitioning=None)
        about = json.loads(table.schema.metadata[METADATA_KEY])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise PredictionsRefused(
            f"{path} holds no predictions ({error}): name a file that "
            f"`python -m inference predict` has written."
        ) from None
    return table, about


def _schema(tree: Tree) -> pa.Schema:
    fields = [pa.field("picture", pa.string()), pa.field("error", pa.string())]
    for answer in tree.answers:
        name = tree.column(answer)
        fields += [
            pa.field(f"{name}_{what}", pa.float32())
            for what in ("fraction", "lower_90", "upper_90", "alpha")
        ]
    fields += [pa.field(f"{question.key}_reached", pa.float32()) for question in tree.questions]
    fields.append(pa.field("ignorance", pa.float32()))
    fields.append(pa.field("embedding", pa.list_(pa.float16(), EMBEDDING_SIZE)))
    return pa.schema(fields)


def _nullable(values: NDArray[np.floating[Any]]) -> pa.Array:
    column = np.asarray(values, np.float32)
    return pa.array(column, mask=np.isnan(column))
