"""Which galaxies of a catalog are wanted: read from an address, written as one, and applied.

`?frac_bar_strong=0.2..0.8&lead_bar=strong|weak&cone=180.5,-1.2,0.5`; see docs/filters.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np
from django.http import QueryDict
from numpy.typing import NDArray

from inference.errors import shown
from webapp.exports.column import Column
from webapp.exports.conditions import (
    Coded,
    Condition,
    Mask,
    NotAFilter,
    plain,
    read_condition,
)
from webapp.exports.derived import Derived, derived_columns

__all__ = ["CONE", "OF_PAGES", "Coded", "Cone", "NotAFilter", "Refused", "Selection"]

CONE = "cone"
# What pages write into the same address: how galaxies are shown, not which.
OF_PAGES = frozenset({"sort", "after", "columns", "view", "chart", "csrfmiddlewaretoken"})
MOST_FILTERS = 60
_SAFE = ",:!"
Table = Mapping[str, "NDArray[Any] | Coded"]


@dataclass(frozen=True)
class Cone:
    """A circle on the sky, ICRS degrees."""

    ra_deg: float
    dec_deg: float
    radius_deg: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "RA,DEC,RADIUS".

        Raises:
            NotAFilter: it is no circle.
        """
        try:
            ra, dec, radius = (float(part) for part in text.split(","))
        except ValueError:
            raise NotAFilter(
                f"{shown(text)} is no cone: write RA, Dec and radius in degrees, as in "
                f"cone=180.5,-1.2,0.1."
            ) from None
        if not (0 <= ra <= 360 and -90 <= dec <= 90 and 0 < radius <= 180):
            raise NotAFilter(
                f"{shown(text)} is no cone: RA is 0 to 360, Dec -90 to 90, and the radius more "
                f"than 0 and at most 180 degrees."
            )
        return cls(ra % 360 + 0.0, dec + 0.0, radius)

    @property
    def text(self) -> str:
        """How it is written."""
        return ",".join(map(plain, (self.ra_deg, self.dec_deg, self.radius_deg)))

    @property
    def words(self) -> str:
        """What it says."""
        return (
            f"within {plain(self.radius_deg)}° of RA {plain(self.ra_deg)}°, "
            f"Dec {plain(self.dec_deg)}°"
        )

    def mask(self, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> Mask:
        """Return which positions lie within it, the edge included; an unknown one does not."""
        found = np.abs(dec_deg - self.dec_deg) <= self.radius_deg + 1e-9
        near = np.flatnonzero(found)
        found[near] = self._haversine(ra_deg[near], dec_deg[near]) <= self._limit
        return found

    @cached_property
    def _limit(self) -> float:
        return math.sin(math.radians(self.radius_deg) / 2) ** 2 * (1 + 1e-12)

    def _haversine(
        self, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the squared half chord, which is exact for small distances too."""
        across = np.sin(np.radians(ra_deg - self.ra_deg) / 2) ** 2
        up = np.sin(np.radians(dec_deg - self.dec_deg) / 2) ** 2
        both = np.cos(np.radians(dec_deg)) * math.cos(math.radians(self.dec_deg))
        found: NDArray[np.float64] = up + both * across
        return found


@dataclass(frozen=True)
class Refused:
    """A part of an address that is no filter, and why."""

    name: str
    text: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """Conditions that a galaxy has to meet, all of them."""

    conditions: tuple[Condition, ...] = ()
    cone: Cone | None = None
    derived: Mapping[str, Derived] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def parse(cls, query: str | QueryDict, columns: Sequence[Column]) -> Self:
        """Read the filters of an address; what is a page's own is left aside.

        Args:
            columns: those of the catalog.

        Raises:
            NotAFilter: a part of it is none; the sentence names it.
        """
        found, refused = cls.sort_out(query, columns)
        if refused:
            raise NotAFilter(refused[0].reason)
        return found

    @classmethod
    def sort_out(
        cls, query: str | QueryDict, columns: Sequence[Column]
    ) -> tuple[Self, list[Refused]]:
        """Read what are filters of an address, and what are none with the reason."""
        derived = {one.column.name: one for one in derived_columns(columns)}
        known = {one.name: one for one in (*columns, *(one.column for one in derived.values()))}
        conditions: list[Condition] = []
        cones: list[Cone] = []
        refused = []
        for name, text in _pairs(query):
            try:
                if len(conditions) + len(cones) >= MOST_FILTERS:
                    raise NotAFilter(f"At most {MOST_FILTERS} filters can be set: take one out.")  # noqa: TRY301
                if name == CONE:
                    cones.append(_only(cones, text))
                else:
                    conditions.append(read_condition(_known(known, name), text))
            except NotAFilter as error:
                refused.append(Refused(name, text, str(error)))
        order = {name: place for place, name in enumerate(known)}
        conditions.sort(key=lambda one: (order[one.column], one.text))
        unique = tuple(dict.fromkeys(conditions))
        used = {name: derived[name] for name in derived if any(c.column == name for c in unique)}
        return cls(unique, cones[0] if cones else None, used), refused

    @property
    def query(self) -> str:
        """The selection as the part of an address after "?"; the same for the same selection."""
        return urlencode(self.pairs, safe=_SAFE, quote_via=quote)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The filters as names and values of an address."""
        pairs = [(one.column, one.text) for one in self.conditions]
        return [*pairs, (CONE, self.cone.text)] if self.cone else pairs

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the catalog's columns that have to be in the table, each once."""
        names = [
            name
            for one in self.conditions
            for name in (
                self.derived[one.column].needs if one.column in self.derived else (one.column,)
            )
        ]
        return tuple(dict.fromkeys([*names, *(("ra", "dec") if self.cone else ())]))

    @property
    def words(self) -> list[str]:
        """What each filter says."""
        return [one.words for one in self.conditions] + ([self.cone.words] if self.cone else [])

    def mask(self, table: Table) -> Mask:
        """Return which galaxies meet all conditions, (N,).

        Args:
            table: (N,) arrays by name: `columns`, or a derived column itself in place of what it
                is made of.
        """
        found = np.ones(len(next(iter(table.values()))) if table else 0, bool)
        for one in self.conditions:
            found &= one.mask(self._values(one.column, table))
        if self.cone:
            found &= self.cone.mask(_floats(table["ra"]), _floats(table["dec"]))
        return found

    def _values(self, name: str, table: Table) -> Any:
        if name in table or name not in self.derived:
            return table[name]
        return self.derived[name].values(table)  # type: ignore[arg-type]


def _floats(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _pairs(query: str | QueryDict) -> Iterable[tuple[str, str]]:
    """Return names and values that are to be filters; a field left empty is none."""
    if isinstance(query, QueryDict):
        pairs = [(name, text) for name, texts in query.lists() for text in texts]
    else:
        pairs = parse_qsl(query.removeprefix("?"))
    return [(name, text) for name, text in pairs if name not in OF_PAGES and text.strip()]


def _only(cones: Sequence[Cone], text: str) -> Cone:
    if cones:
        raise NotAFilter(f"A second cone, {shown(text)}, cannot be set: take one of them out.")
    return Cone.parse(text)


def _known(known: Mapping[str, Column], name: str) -> Column:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1, cutoff=0.8)
    remedy = f"did you mean {near[0]}?" if near else "take the filter out, or choose another."
    raise NotAFilter(f"{shown(name)} is no column of this catalog: {remedy}")
