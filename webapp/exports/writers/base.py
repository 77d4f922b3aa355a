"""What all writers have in common: what is refused, and that a file appears whole or not at all."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from inference.errors import shown
from inference.formats.atomic import whole_file
from webapp.common.errors import DomainError
from webapp.exports.column import Column


class Unwritable(DomainError):
    """A table that a format cannot hold."""


@dataclass(frozen=True)
class Format:
    """A kind of file; no text in it may match `forbidden`, a regular expression."""

    key: str
    name: str
    suffix: str
    media_type: str
    forbidden: str = r"\x00"  # ends a text in many languages


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        date: when the rows were read, ISO 8601.
        software: its name and version.
        contact: of a role, not of a person.
        table: "catalog" or "votes".
    """

    title: str
    date: str
    software: str
    release: str = ""
    doi: str = ""
    citation: str = ""
    publisher: str = ""
    reference_url: str = ""
    rights: str = ""
    contact: str = ""
    table: str = "catalog"

    @property
    def said(self) -> dict[str, str]:
        """What is not empty, by the names that the IVOA has for the origin of data."""
        values = {
            "title": self.title,
            "publisher": self.publisher,
            "server_software": self.software,
            "request_date": self.date,
            "release": self.release,
            "doi": self.doi,
            "citation": self.citation,
            "reference_url": self.reference_url,
            "rights": self.rights,
            "contact": self.contact,
        }
        return {name: text for name, text in values.items() if text}


@dataclass(frozen=True)
class Part:
    """Some rows that have passed the checks; texts by place of their column, as Arrow arrays."""

    n: int
    values: Sequence[NDArray[Any]]
    texts: Mapping[int, Any]

    def pieces(self, n: int) -> Iterator["Part"]:
        """Yield its rows, at most so many at once."""
        for start in range(0, self.n, n):
            rows = slice(start, min(start + n, self.n))
            values = [array[rows] for array in self.values]
            texts = {place: array[rows] for place, array in self.texts.items()}
            yield Part(rows.stop - start, values, texts)


class Writer(ABC):
    """Writes a table part by part; a context manager."""

    format: ClassVar[Format]

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        header: Header,
        n_rows: int,
        *,
        galaxy_zoo_names: bool = False,
        formula_safe: bool = True,
    ) -> None:
        self.path, self.columns, self.header, self.n_rows = path, tuple(columns), header, n_rows
        self.formula_safe = formula_safe
        self.names = [
            (column.gz_name or column.name) if galaxy_zoo_names else column.name
            for column in columns
        ]
        self.n_written = 0
        self._check_columns()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.file: BinaryIO = stack.enter_context(whole_file(self.path))
            self.begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, or take it away where something was raised."""
        with self._stack, ExitStack() as failing:
            failing.callback(self.abandon)
            if error is not None:
                raise error
            self._check_number()
            self.finish()
            failing.pop_all()

    def write(self, table: Mapping[str, NDArray[Any]]) -> None:
        """Add rows.

        Args:
            table: arrays by the columns' own names, (N,) each; more of them are left out.

        Raises:
            Unwritable: a value that the format cannot hold, with its row.
        """
        values = [_typed(table[column.name], column) for column in self.columns]
        numbers = {len(array) for array in values}
        if len(numbers) > 1:
            raise ValueError(f"columns of {sorted(numbers)} rows")
        n = numbers.pop() if numbers else 0
        if not n:
            return
        texts = {}
        for place, column in enumerate(self.columns):
            if column.kind.is_text:
                texts[place] = self._texts(values[place], column, table)
            elif column.kind.is_float:
                self._refuse(np.isinf(values[place]), place, table, _INFINITE)
        self.add(Part(n, values, texts))
        self.n_written += n

    # What each format does its own way.

    @abstractmethod
    def begin(self) -> None:
        """Write what stands before the rows."""

    @abstractmethod
    def add(self, part: Part) -> None:
        """Write rows."""

    @abstractmethod
    def finish(self) -> None:
        """Write what stands behind the rows."""

    def abandon(self) -> None:  # noqa: B027  most have nothing open
        """Let go of what is open."""

    # What all refuse.

    def _check_columns(self) -> None:
        if not self.columns:
            raise Unwritable("The table has no columns: choose at least one.")
        seen: set[str] = set()
        for name in self.names:
            if name.lower() in seen:
                raise Unwritable(
                    f"Two columns are called {shown(name)}: write them with their own names."
                )
            seen.add(name.lower())

    def _check_number(self) -> None:
        if self.n_written != self.n_rows:
            raise Unwritable(
                f"The table has {self.n_written:,} rows, and {self.n_rows:,} were announced: "
                f"the galaxies changed meanwhile, so start again."
            )

    def _texts(
        self, values: NDArray[Any], column: Column, table: Mapping[str, NDArray[Any]]
    ) -> Any:
        place = self.columns.index(column)
        try:
            texts = pa.array(values, pa.string())
        except (UnicodeEncodeError, pa.ArrowException, TypeError):
            self._refuse(np.array([not _is_text(one) for one in values]), place, table, _NO_TEXT)
            raise
        self._refuse(texts.is_null().to_numpy(zero_copy_only=False), place, table, _NO_TEXT)
        wrong = pc.match_substring_regex(texts, self.format.forbidden)
        self._refuse(wrong.to_numpy(zero_copy_only=False), place, table, self._beyond)
        return texts

    @property
    def _beyond(self) -> str:
        return (
            f"which {self.format.name} cannot hold: choose another format, such as Parquet, or "
            f"leave the column out"
        )

    def _refuse(
        self,
        wrong: NDArray[np.bool_],
        place: int,
        table: Mapping[str, NDArray[Any]],
        remedy: str,
    ) -> None:
        if not wrong.any():
            return
        row, name = int(wrong.argmax()), self.columns[place].name
        whose = f"Row {self.n_written + row + 1:,}"
        if "source_id" in table:
            whose = f"The galaxy {table['source_id'][row]}"
        raise Unwritable(f"{whose} has {shown(_plain(table[name][row]))} in {name}, {remedy}.")


_INFINITE = "and a number must be finite: correct it, or leave it unknown"
_NO_TEXT = "and a text must be characters that UTF-8 has: correct it, or leave it empty"


def _typed(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return values in the column's type.

    Raises:
        TypeError, OverflowError: they are of another kind, or do not fit.
    """
    given = np.asarray(values)
    found = given.astype(column.kind.dtype, casting="same_kind", copy=False)
    if found.dtype.kind == "i" and found.dtype != given.dtype and (found != given).any():
        raise OverflowError(f"{column.name} has values that are no {column.kind}")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
