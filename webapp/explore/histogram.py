"""How a column of numbers is distributed among galaxies; no database here."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.common import charts
from webapp.exports.column import Column
from webapp.exports.conditions import plain

N_BINS = 24
_INNER = (0.5, 99.5)  # percentiles that the bins reach to, where the column has no ends of its own
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Histogram:
    """Galaxies by the values of a column.

    Attributes:
        edges: of the bins, one more than they are; the last bin holds its upper edge too.
        n_below, n_above: galaxies outside of them.
        n_unknown: galaxies of which the value is not known.
    """

    column: Column
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n_below: int
    n_above: int
    n_unknown: int

    @property
    def n_total(self) -> int:
        """All galaxies: those in bins, outside and unknown."""
        return self.n_within + self.n_below + self.n_above + self.n_unknown

    @property
    def n_within(self) -> int:
        """Galaxies in bins."""
        return sum(self.counts)

    @property
    def bins(self) -> list[tuple[str, str, int]]:
        """Lower and upper edge and count of each bin, as a table has them."""
        edges = [plain(edge) for edge in self.edges]
        return list(zip(edges[:-1], edges[1:], self.counts, strict=True))

    @property
    def chart(self) -> charts.Columns:
        """The columns as a page draws them."""
        words = [f"{low} to {high}: {n:,}" for low, high, n in self.bins]
        step = max(1, len(self.counts) // 6)
        names = {place: self.bins[place][0] for place in range(0, len(self.counts), step)}
        return charts.columns(self.counts, words, names)

    @property
    def color(self) -> str:
        """Whose word it is: people's, a network's or what is believed."""
        return {"people": "people", "network": "machine"}.get(self.column.group, "belief")


def histogram(column: Column, values: NDArray[Any]) -> Histogram:
    """Count the values of a column; NaN is unknown."""
    is_known = ~np.isnan(values)
    known = values[is_known].astype(float)
    edges = _edges(column, known)
    counts, _ = np.histogram(known, edges)
    return Histogram(
        column=column,
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        n_below=int((known < edges[0]).sum()),
        n_above=int((known > edges[-1]).sum()),
        n_unknown=int((~is_known).sum()),
    )


def _edges(column: Column, known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the column's own range in equal bins, or a round one that holds nearly all."""
    if column.low is not None and column.high is not None and column.kind.is_float:
        n_bins = 20 if column.high == 1 else N_BINS
        return np.array([_round(edge) for edge in np.linspace(column.low, column.high, n_bins + 1)])
    if not len(known):
        return np.array([0.0, 1.0])
    low, high = np.percentile(known, _INNER)
    if not column.kind.is_float:
        low, high = float(known.min()), max(float(high), float(known.min()) + 1)
    step = _step((high - low) / N_BINS, is_whole=not column.kind.is_float)
    first = math.floor(low / step)
    last = max(first + 1, math.floor(high / step) + 1)
    edges = [_round(step * place) for place in range(first, last + 1)]
    found = np.unique(edges)  # where numbers are too large for their differences
    return found if len(found) > 1 else np.array([found[0], np.nextafter(found[0], np.inf)])


def _step(least: float, *, is_whole: bool) -> float:
    """Return the first round number that is no less."""
    if is_whole:
        least = max(least, 1.0)
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * base for base in _STEPS if power * base >= least * (1 - 1e-9))
    return math.ceil(step) if is_whole else step


def _round(value: float) -> float:
    return float(f"{value:.15g}")
