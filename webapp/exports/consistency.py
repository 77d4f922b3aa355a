"""What must be true of every table before anybody takes it away."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.common.errors import DomainError
from webapp.exports.column import Column

_SUM_SLACK = 1e-9

Table = Mapping[str, NDArray[Any]]
# Where rows are wrong, the column that shows it, and what is wrong with it.
_Finding = tuple[NDArray[np.bool_], Column, str]
_Found = dict[tuple[str, int | None, int | None], Column]


class Inconsistent(DomainError):
    """A table contradicts itself, so it is not written."""


def check(table: Table, columns: Sequence[Column]) -> None:
    """Raise Inconsistent if a row contradicts itself or the dictionary; names the row.

    Columns that the table does not have are not looked at, nor is what depends on them.
    """
    present = [column for column in columns if column.name in table]
    for wrong, column, words in _findings(table, present):
        if wrong.any():
            row = int(wrong.argmax())
            raise Inconsistent(
                f"{_whose(table, row)} has {table[column.name][row]} in {column.name}, "
                f"{words}. Nothing was written: recount the votes, or leave the column out."
            )


def _findings(table: Table, columns: Sequence[Column]) -> Iterator[_Finding]:
    for column in columns:
        yield from _range(table[column.name], column)
        if column.family == "source_id" and column.group == "galaxy":
            yield _repeats(table[column.name]), column, "and so has another row"
    found: _Found = {(one.family, one.question, one.answer): one for one in columns}
    for column in columns:
        if column.family == "frac":
            yield from _unasked(table, found, column)
            yield from _interval(table, found, column)
    for column in columns:
        if column.family == "n_votes":
            yield from _sums(table, found, column)


def _range(values: NDArray[Any], column: Column) -> Iterator[_Finding]:
    if column.kind.is_text:
        return
    if column.kind.is_float:
        yield np.isinf(values), column, "and it must be finite"
    if column.low is not None:
        yield values < column.low, column, f"and it must be {column.low:g} or more"
    if column.high is not None:
        yield values > column.high, column, f"and it must be {column.high:g} or less"
    if column.family == "ra":
        yield values == column.high, column, "and it must be less than 360"


def _repeats(values: NDArray[Any]) -> NDArray[np.bool_]:
    found = np.ones(len(values), bool)
    found[np.unique(values, return_index=True)[1]] = False
    return found


def _sums(table: Table, found: _Found, asked: Column) -> Iterator[_Finding]:
    """Yield where the answers of a single choice, if all are there, are no whole."""
    people = table[asked.name]
    for family, whole, slack, words in (
        ("votes", people, 0, "and its answers have another number together"),
        ("frac", 1, _SUM_SLACK, "and the shares of its answers do not sum to 1"),
    ):
        parts = [
            one
            for (name, question, _), one in found.items()
            if name == family and question == asked.question
        ]
        if parts and len(parts) == asked.n_choices:
            total = np.sum([table[one.name] for one in parts], axis=0)
            yield (people > 0) & ~(np.abs(total - whole) <= slack), asked, words


def _unasked(table: Table, found: _Found, share: Column) -> Iterator[_Finding]:
    asked = found.get(("n_votes", share.question, None))
    if asked is not None:
        nobody = table[asked.name] == 0
        is_unknown = np.isnan(table[share.name])
        yield nobody & ~is_unknown, share, "and nobody was asked, so it must be unknown"
        yield ~nobody & is_unknown, share, "and somebody was asked, so it must be known"


def _interval(table: Table, found: _Found, share: Column) -> Iterator[_Finding]:
    for family, is_off in (("frac_lo", np.greater), ("frac_hi", np.less)):
        end = found.get((family, share.question, share.answer))
        if end is not None:
            beyond = is_off(table[end.name], table[share.name])
            yield beyond, end, f"and {share.name} lies outside of it"


def _whose(table: Table, row: int) -> str:
    if "source_id" in table:
        return f"The galaxy {table['source_id'][row]}"
    return f"Row {row + 1:,}"
