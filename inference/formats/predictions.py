"""A network's predictions as a Parquet file, written as they come; see docs/formats.md.

One row is a picture. Its columns, without a value where the picture could not be read:

    picture                     as it was named
    error                       why it could not be read; without a value for the others
    ANSWER_fraction             expected share of the answer among those asked its question
    ANSWER_lower_90, _upper_90  the interval that holds the share with 90 %
    ANSWER_alpha                calibrated concentration
    QUESTION_reached            expected share of the volunteers who are asked the question
    ignorance                   what the network does not know, nats
    embedding                   128 numbers for similarity, in 16 bits

ANSWER and QUESTION are as in the exports of votes. The file's metadata hold, under the key
"tuning-fork", a JSON object with the format's number, the tree, and the model and where it ran.
"""

import errno
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inference.errors import InferenceError, shown
from inference.formats.atomic import whole_file
from inference.formats.card import EMBEDDING_SIZE, Card
from inference.formats.tree import Tree

FORMAT = 1
METADATA_KEY = b"tuning-fork"
_ROWS = 4096  # of a row group: small ones are slow to read, large ones need memory
_OF_ANSWER = ("fraction", "lower_90", "upper_90", "alpha")


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

    def __len__(self) -> int:
        return len(self.pictures)


class PredictionsWriter:
    """Writes predictions batch by batch; the file has its name only when all went well."""

    def __init__(self, path: Path, card: Card, *, sha256: str, provider: str) -> None:
        """Prepare a file.

        Args:
            sha256: of the model file.
            provider: where the network ran, in ONNX Runtime's words.
        """
        self._path, self._tree = path, card.tree
        self._waiting: list[Predictions] = []
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
        """Begin the file.

        Raises:
            PredictionsRefused: it cannot be written where it shall be.
        """
        self._whole = ExitStack()
        try:
            if self._path.is_dir():  # else it would show only when all is done
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            file = self._whole.enter_context(whole_file(self._path))
        except (OSError, ValueError) as error:
            raise self._refusal(error) from None
        self._file = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._whole.push(self._finish)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, or take it away where something was raised.

        Raises:
            PredictionsRefused: the last rows cannot be written.
        """
        try:
            self._whole.__exit__(kind, error, trace)
        except OSError as failure:
            raise self._refusal(failure) from None

    def write(self, rows: Predictions) -> None:
        """Add some pictures.

        Raises:
            PredictionsRefused: the disk is full, for example.
            ValueError: the arrays are not of the tree's shape.
        """
        _check(rows, self._tree)
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= _ROWS:
            try:
                self._flush()
            except OSError as error:
                raise self._refusal(error) from None

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(_table(_joined(self._waiting), self._tree, self._schema))
            self._waiting.clear()

    def _refusal(self, error: OSError | ValueError) -> PredictionsRefused:
        words = error.strerror or error if isinstance(error, OSError) else error
        return PredictionsRefused(
            f"{str(self._path)!r} cannot be written ({words}): name a file in a folder that is "
            f"there and yours, on a disk with space."
        )


def read_predictions(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Return a file's table, and what it says of the model.

    Raises:
        PredictionsRefused: it is no file of predictions.
    """
    try:
        with pq.ParquetFile(path) as file:
            about: dict[str, Any] = json.loads(file.schema_arrow.metadata[METADATA_KEY])
            if about["format"] != FORMAT:
                raise PredictionsRefused(
                    f"{path.name} holds predictions of format {shown(about['format'])}, and this "
                    f"software reads {FORMAT}: update it, or predict again."
                )
            return file.read(), about
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise PredictionsRefused(
            f"{path.name} holds no predictions ({shown(str(error))}): name a file that "
            f"`python -m inference predict` has written."
        ) from None


def _schema(tree: Tree) -> pa.Schema:
    columns = [pa.field("picture", pa.string(), nullable=False), pa.field("error", pa.string())]
    for answer in tree.answers:
        name = tree.column(answer)
        columns += [pa.field(f"{name}_{what}", pa.float32()) for what in _OF_ANSWER]
    for question in tree.questions:
        name = tree.column(question.answers[0]).rsplit("_", 1)[0]
        columns.append(pa.field(f"{name}_reached", pa.float32()))
    columns.append(pa.field("ignorance", pa.float32()))
    columns.append(pa.field("embedding", pa.list_(pa.float16(), EMBEDDING_SIZE)))
    return pa.schema(columns)


def _check(rows: Predictions, tree: Tree) -> None:
    n, k = len(rows), tree.n_answers
    expected: dict[str, tuple[int, ...]] = {part.name: (n, k) for part in fields(rows)} | {
        "pictures": (n,),
        "errors": (n,),
        "reached": (n, tree.n_questions),
        "ignorance": (n,),
        "embedding": (n, EMBEDDING_SIZE),
    }
    for name, shape in expected.items():
        if (actual := np.shape(getattr(rows, name))) != shape:
            raise ValueError(f"{name} is {actual}, and must be {shape}.")


def _joined(parts: Sequence[Predictions]) -> Predictions:
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for part in fields(Predictions):
        values = [getattr(rows, part.name) for rows in parts]
        is_text = part.name in ("pictures", "errors")
        joined[part.name] = (
            [v for some in values for v in some] if is_text else np.concatenate(values)
        )
    return Predictions(**joined)


def _table(rows: Predictions, tree: Tree, schema: pa.Schema) -> pa.Table:
    unread = np.array([error is not None for error in rows.errors])
    columns = [
        pa.array([_storable(name) for name in rows.pictures], pa.string()),
        pa.array([error and _storable(error) for error in rows.errors], pa.string()),
    ]
    for answer in tree.answers:
        columns += [_nullable(getattr(rows, what)[:, answer.index]) for what in _OF_ANSWER]
    columns += [_nullable(rows.reached[:, question.index]) for question in tree.questions]
    columns.append(_nullable(rows.ignorance))
    numbers = pa.array(np.ascontiguousarray(rows.embedding, np.float16).ravel())
    columns.append(
        pa.FixedSizeListArray.from_arrays(numbers, EMBEDDING_SIZE, mask=pa.array(unread))
    )
    return pa.Table.from_arrays(columns, schema=schema)


def _storable(text: str) -> str:
    """Return a text as UTF-8 can hold it; a file's name may be of any bytes."""
    return text.encode(errors="backslashreplace").decode()


def _nullable(values: NDArray[np.floating[Any]]) -> pa.Array:
    column = np.asarray(values, np.float32)
    return pa.array(column, mask=np.isnan(column))
