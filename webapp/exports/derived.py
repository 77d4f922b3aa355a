"""Columns that are made of others: good for choosing and sorting galaxies, and in no file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.exports.column import Column, Kind

Table = Mapping[str, NDArray[Any]]
Values = Sequence[NDArray[Any]]
DISAGREEMENT = "disagreement"


@dataclass(frozen=True)
class Derived:
    """A column made of others.

    Attributes:
        needs: names of the columns that it is made of, in the order that `of` takes them.
    """

    column: Column
    needs: tuple[str, ...]
    of: Callable[[Values], NDArray[Any]]

    def values(self, table: Table) -> NDArray[Any]:
        """Return its values, (N,) float32."""
        made: NDArray[Any] = self.of([table[name] for name in self.needs]).astype(np.float32)
        return made


def derived_columns(columns: Sequence[Column]) -> tuple[Derived, ...]:
    """Return what can be made of the columns of a catalog."""
    families = _Families(columns)
    return (*_widths(families), *_certainties(families), *_disagreement(families))


class _Families:
    """The columns of a catalog by what they are computed from."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._found: dict[str, list[Column]] = {}
        for column in columns:
            self._found.setdefault(column.family, []).append(column)

    def of(self, *families: str) -> list[tuple[Column, ...]]:
        """Return the columns of some families side by side, an answer each; none if one lacks."""
        found = [self._found.get(family, []) for family in families]
        return list(zip(*found, strict=True)) if all(found) else []


def _column(name: str, description: str, like: Column | None = None) -> Column:
    return Column(
        name, Kind.FLOAT32, description, null="NaN where nothing is known of it", low=0, high=1,
        display="F8.5", group="belief", family=name,
        question=like.question if like else None, answer=like.answer if like else None,
    )  # fmt: skip


def _widths(families: _Families) -> list[Derived]:
    return [
        Derived(
            _column(
                low.name.replace("post_", "width_", 1).removesuffix("_lo"),
                f"Width of the interval from {low.name} to {high.name}.",
                low,
            ),
            (low.name, high.name),
            lambda values: values[1] - values[0],
        )
        for low, high in families.of("post_lo", "post_hi")
    ]


def _certainties(families: _Families) -> list[Derived]:
    """Return for each question how large the share of an answer is at least, with 95 %."""
    lows: dict[int | None, list[str]] = {}
    for (low,) in families.of("post_lo"):
        lows.setdefault(low.question, []).append(low.name)
    return [
        Derived(
            _column(
                lead.name.replace("lead_", "certainty_", 1),
                "What the share of one of the answers is at least, with 95 %: the highest lower "
                "end of their intervals.",
                lead,
            ),
            tuple(lows[lead.question]),
            highest,
        )
        for (lead,) in families.of("lead")
        if lead.question in lows
    ]


def _disagreement(families: _Families) -> list[Derived]:
    found = families.of("frac_lo", "frac_hi", "ml")
    if not found:
        return []
    about = _column(
        DISAGREEMENT,
        "How far the share that the network alone expects lies outside the 95 % interval of "
        "people's votes, for the answer where it is farthest.",
    )
    return [Derived(about, tuple(one.name for row in found for one in row), farthest)]


def highest(values: Values) -> NDArray[Any]:
    """Return the highest value of each galaxy; NaN where none is known."""
    found: NDArray[Any] = values[0]
    for one in values[1:]:
        found = np.fmax(found, one)
    return found


def farthest(values: Values) -> NDArray[Any]:
    """Return how far the third of three lies outside the first and second, the most of all."""
    return highest(
        [
            np.maximum(np.maximum(low - said, said - high), 0.0)
            for low, high, said in zip(values[0::3], values[1::3], values[2::3], strict=True)
        ]
    )
