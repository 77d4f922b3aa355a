"""How sure a figure is: 95 % intervals from drawing the same number of galaxies with replacement.

The same seed draws the same galaxies, so that two networks are compared on equal terms.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DRAWS = 1000
_QUANTILES = (0.025, 0.975)
_BLOCK = 4_000_000  # counts held at once

Means = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; all NaN where there was nothing to judge."""

    value: float
    lower: float
    upper: float
    n: int  # galaxies that count


def unchanged(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means themselves, as a figure that is a mean."""
    return means


def estimates(values: NDArray[np.floating[Any]], of: list[Means], seed: int = 0) -> list[Estimate]:
    """Return a figure for each column, from one and the same drawing of galaxies.

    A draw in which no galaxy of a column was drawn is left out of its interval.

    Args:
        values: one row a galaxy, (N, figures); NaN where a galaxy does not count for a figure.
        of: what makes each column's mean its figure, such as the square root; increasing.
    """
    counts = np.isfinite(values)
    filled = np.where(counts, values, 0.0)
    n = counts.sum(axis=0)
    value = _means(filled.sum(axis=0), n)
    weights = counts.astype(np.float64)
    drawn = np.concatenate(
        [_means(times @ filled, times @ weights) for times in drawings(len(values), seed)]
    )
    return [
        estimate(float(figure(value[column])), figure(drawn[:, column]), int(n[column]))
        for column, figure in enumerate(of)
    ]


def paired_bootstrap(differences: NDArray[np.floating[Any]], seed: int = 0) -> Estimate:
    """Return the mean difference between two networks on the same galaxies, with its interval.

    Args:
        differences: one value a galaxy, (N,), such as the loss of one network less the other's;
            NaN where a galaxy does not count.
    """
    return estimates(np.asarray(differences, np.float64)[:, None], [unchanged], seed)[0]


def drawings(n: int, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Yield how often each galaxy is drawn, (some draws, n), until there are a thousand draws."""
    chance = np.random.default_rng(seed)
    step = max(1, _BLOCK // max(n, 1))
    for start in range(0, _DRAWS, step):
        n_draws = min(step, _DRAWS - start)
        places = chance.integers(max(n, 1), size=(n_draws, n))
        places += n * np.arange(n_draws)[:, None]
        times = np.bincount(places.ravel(), minlength=n_draws * n)
        yield times.reshape(n_draws, n).astype(np.float64)


def _means(sums: NDArray[np.float64], n: NDArray[Any]) -> NDArray[np.float64]:
    found = np.full(sums.shape, np.nan)
    np.divide(sums, n, out=found, where=np.asarray(n) > 0)
    return found


def estimate(value: float, drawn: NDArray[np.float64], n: int) -> Estimate:
    """Return a figure whose value in each drawing of n galaxies is known; NaN is left out."""
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0)
    lower, upper = np.quantile(drawn[np.isfinite(drawn)], _QUANTILES)
    return Estimate(value, float(lower), float(upper), n)
