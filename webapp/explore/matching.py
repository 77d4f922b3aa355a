"""Which galaxies of a catalog match, in which order, and a page of them; no database here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import shown
from webapp.common.errors import DomainError
from webapp.explore.columns import Columns
from webapp.explore.shelf import Catalog
from webapp.exports.selection import Selection

MAX_ID = 2**63 - 1


class NotAPlace(DomainError):
    """What was asked is no order and no place in a catalog."""


@dataclass(frozen=True)
class Order:
    """By which column galaxies stand; those of which it is unknown stand last."""

    column: str = "source_id"
    is_falling: bool = False

    @classmethod
    def parse(cls, text: str, columns: Columns) -> Self:
        """Read "name", or "-name" for the highest first.

        Raises:
            NotAPlace: there is no such column.
        """
        name = text.removeprefix("-")
        if not text:
            return cls()
        if name not in columns.by_name:
            raise NotAPlace(
                f"{shown(name)} is no column of this catalog, so nothing can be sorted by it: "
                f"choose another one."
            )
        return cls(name, text.startswith("-"))

    @property
    def text(self) -> str:
        """How it is written."""
        return f"-{self.column}" if self.is_falling else self.column


@dataclass(frozen=True, eq=False)
class Found:
    """A page of galaxies, as rows of the catalog, and the place to go on from."""

    rows: NDArray[np.int64]
    after: int | None


def matching(catalog: Catalog, selection: Selection, *, only_retired: bool) -> NDArray[np.int64]:
    """Return the rows of the catalog that a person may see and that match, in its own order."""
    found = np.ones(catalog.n_rows, bool)
    if only_retired:
        found &= catalog.texts("retired_reason").where(lambda text: text not in ("", "withdrawn"))
    if selection.conditions or selection.cone:
        found &= selection.mask(catalog)
    return np.flatnonzero(found)


def page_of(
    catalog: Catalog, rows: NDArray[np.int64], order: Order, *, after: int | None, n: int
) -> Found:
    """Return n rows in an order, those behind a galaxy.

    The place is the galaxy itself, not a number of rows: whatever comes or goes meanwhile, no other
    galaxy is shown twice or left out.

    Args:
        after: the id of the last galaxy shown.
    """
    if order.column == "source_id" and not order.is_falling:
        ids = catalog.array("source_id")[rows]
        start = 0 if after is None else int(np.searchsorted(ids, after, side="right"))
        some = rows[start : start + n + 1]
        return _cut(catalog, some, n)
    keys = catalog.numbers(order.column)
    keys = -keys if order.is_falling else keys
    if after is not None:
        rows = _behind(catalog, rows, keys, after)
    return _cut(catalog, rows[_first(keys[rows], n + 1)], n)


def _cut(catalog: Catalog, rows: NDArray[np.int64], n: int) -> Found:
    page = rows[:n]
    more = len(rows) > n
    return Found(page, int(catalog.array("source_id")[page[-1]]) if more else None)


def _behind(
    catalog: Catalog, rows: NDArray[np.int64], keys: NDArray[Any], after: int
) -> NDArray[np.int64]:
    """Return the rows that stand behind a galaxy: a greater key, or the same and a greater id."""
    ids = catalog.array("source_id")
    place = int(np.searchsorted(ids, after))
    if place == len(ids) or ids[place] != after:
        raise NotAPlace(f"Galaxy {after} is not in this catalog any more: begin from the start.")
    key, own = keys[place], keys[rows]
    if np.isnan(key):
        is_behind = np.isnan(own) & (rows > place)
    else:
        is_behind = (own > key) | np.isnan(own) | ((own == key) & (rows > place))
    found: NDArray[np.int64] = rows[is_behind]
    return found


def _first(keys: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Return where the n least keys are, in their order; equal ones as they come, NaN last."""
    if len(keys) <= 4 * n:
        return np.argsort(keys, kind="stable")[:n]
    limit = np.partition(keys, n)[n]
    near = np.arange(len(keys)) if np.isnan(limit) else np.flatnonzero(keys <= limit)
    return near[np.argsort(keys[near], kind="stable")[:n]]


def read_after(text: str) -> int | None:
    """Read the place to go on from.

    Raises:
        NotAPlace: it is no galaxy's number.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID):
        raise NotAPlace(f"{shown(text)} is no place in a catalog: begin from the start.")
    return int(text)


def chosen_columns(text: str, columns: Columns, defaults: Sequence[str]) -> list[str]:
    """Return the columns of a table: those named with commas between, or the defaults.

    Raises:
        NotAPlace: one of them is not in the catalog.
    """
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in columns.by_name:
            raise NotAPlace(f"{shown(name)} is no column of this catalog: take it out.")
    return list(dict.fromkeys(names)) or list(dict.fromkeys(defaults))
