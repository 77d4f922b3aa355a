"""How the columns of an edition are stored: little, and read back without loss; no database here.

What follows exactly from other columns is not stored but computed when it is asked for: shares of
people, their intervals, names made of positions.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.belief.interval import wilson
from webapp.exports.columns import Column, Kind
from webapp.exports.conditions import as_objects
from webapp.exports.derived import DISAGREEMENT, Derived
from webapp.exports.positions import iau_names
from webapp.exports.selection import Coded

COMPUTED = frozenset({"frac", "frac_lo", "frac_hi", "iau_name"})
_SMALL = (np.int8, np.int16, np.int32, np.int64)
_CODES = np.dtype(np.int32)
Values = NDArray[Any] | Coded
Table = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Packed:
    """A column as it lies in the database."""

    name: str
    dtype: str
    values: bytes
    texts: bytes | None = None

    def unpacked(self, kind: Kind) -> Values:
        """Return the values, of the column's own type; texts stay codes."""
        found = np.frombuffer(self.values, self.dtype)
        if self.texts is not None:
            texts = json.loads(zlib.decompress(self.texts))
            return Coded(found, as_objects(texts))
        if kind is Kind.INSTANT:
            return found.view("datetime64[us]")
        return found.astype(np.dtype(str(kind)), copy=False)


class Spool:
    """Columns on disk while the rows come in, so that no catalog has to fit into memory."""

    def __init__(self, folder: Path, columns: Sequence[Column]) -> None:
        self._folder = folder
        self._columns = columns
        self._codes: dict[str, dict[str, int]] = {
            column.name: {} for column in columns if column.kind is Kind.TEXT
        }
        self.n_rows = 0

    def add(self, table: Table) -> None:
        """Append some rows."""
        for column in self._columns:
            values = self._plain(column, table[column.name])
            with (self._folder / column.name).open("ab") as file:
                file.write(np.ascontiguousarray(values).tobytes())
            n_rows = len(values)
        self.n_rows += n_rows

    def _plain(self, column: Column, values: NDArray[Any]) -> NDArray[Any]:
        if column.kind is Kind.INSTANT:
            return instants(values).view(np.int64)
        if column.kind is not Kind.TEXT:
            return values
        places = self._codes[column.name]
        codes = (places.setdefault(text, len(places)) for text in values)
        return np.fromiter(codes, _CODES, len(values))

    def packed(self, column: Column) -> Packed:
        """Return a whole column."""
        content = (self._folder / column.name).read_bytes() if self.n_rows else b""
        if column.kind is Kind.TEXT:
            texts = json.dumps(list(self._codes[column.name]), ensure_ascii=False)
            codes = _small(np.frombuffer(content, _CODES))
            return Packed(
                column.name, codes.dtype.str, codes.tobytes(), zlib.compress(texts.encode(), 1)
            )
        if column.kind is Kind.INSTANT:
            return Packed(column.name, "<i8", content)
        values = np.frombuffer(content, np.dtype(str(column.kind)))
        values = values if column.kind.is_float else _small(values)
        return Packed(column.name, values.dtype.str, values.tobytes())


def _small(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the smallest type that has them."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for dtype in _SMALL:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


def instants(texts: NDArray[Any]) -> NDArray[np.datetime64]:
    """Return ISO 8601 texts of UTC as instants; NaT for none."""
    plain = [text.removesuffix("Z") or "NaT" for text in texts]
    return np.array(plain, "datetime64[us]")


@dataclass(frozen=True)
class Recipe:
    """How a column that is not stored is made of those that are."""

    needs: tuple[str, ...]
    kind: str
    derived: Derived | None = None

    @classmethod
    def of(cls, column: Column, by_place: Mapping[tuple[str, int | None], str]) -> Self:
        """Return that of a column of the catalog; `by_place` finds the others of its answer."""
        if column.family == "iau_name":
            return cls(("ra", "dec"), column.family)
        votes = by_place["votes", column.answer]
        return cls((votes, by_place["n_votes", column.question]), column.family)

    def values(self, table: Mapping[str, Any]) -> Values:
        """Return the values, of the type that files have too."""
        if self.derived:
            return self.derived.values(table)
        first, second = (table[name] for name in self.needs)
        if self.kind == "iau_name":
            return Coded.of(iau_names(first, second))
        if self.kind == "frac":
            return _share(first, second)
        found = wilson(first, second)[self.kind == "frac_hi"]
        return found.astype(np.float32)


def is_stored(one: Derived) -> bool:
    """Say whether a derived column is stored: those that are made of many others."""
    return one.column.name == DISAGREEMENT or one.column.name.startswith("certainty_")


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    found = np.full(part.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
