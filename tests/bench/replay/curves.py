"""Curves of figures over votes: where they reach a level, and what several seeds say together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.bench.replay.measure import Figures

AGREEMENTS = ("clear", "agreement")  # figures of which more is better; of errors less is


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its 95 % interval by Student's t, of the seeds that have a value."""

    mean: float
    low: float
    high: float
    n: int  # seeds with a value
    n_seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Return the interval of one value a seed, NaN where a seed has none."""
        known = np.array(values)[np.isfinite(values)]
        n = len(known)
        if n < 2:
            only = float(known[0]) if n else float("nan")
            return cls(only, only, only, n, len(values))
        mean = float(known.mean())
        half = float(stats.t.ppf(0.975, n - 1) * known.std(ddof=1) / np.sqrt(n))
        return cls(mean, mean - half, mean + half, n, len(values))

    def words(self, digits: int) -> str:
        """Return the mean with the interval in brackets, or in how many seeds there is a value."""
        if not self.n:
            return "not reached"
        mean, low, high = (f"{value:.{digits}f}" for value in (self.mean, self.low, self.high))
        if self.n < self.n_seeds:
            return f"in {self.n} of {self.n_seeds} seeds, there {mean}"
        return mean if self.n < 2 else f"{mean} ({low} to {high})"


def column(curve: Sequence[Figures], name: str) -> NDArray[np.float64]:
    """Return one figure of each point."""
    return np.array([getattr(point, name) for point in curve])


def votes_to_reach(curve: Sequence[Figures], name: str, level: float) -> float:
    """Return the votes a galaxy from which on a figure is as good as the level; NaN if never.

    A point that is good by luck does not count if a later one is worse again; between points the
    line is taken.
    """
    votes, values = column(curve, "votes"), column(curve, name)
    if name not in AGREEMENTS:
        values, level = -values, -level
    kept = np.minimum.accumulate(values[::-1])[::-1]
    if kept[-1] < level:
        return float("nan")
    at = int(np.argmax(kept >= level))
    if at == 0:
        return float(votes[0])
    share = (level - kept[at - 1]) / (kept[at] - kept[at - 1])
    return float(votes[at - 1] + share * (votes[at] - votes[at - 1]))


def value_at(curve: Sequence[Figures], name: str, votes: float, counted: str = "votes") -> float:
    """Return a figure at a number of votes a galaxy, by the line; NaN outside the curve.

    Args:
        counted: the mean that is meant, a field of Figures.
    """
    given = column(curve, counted)
    return float(np.interp(votes, given, column(curve, name), left=np.nan, right=np.nan))
