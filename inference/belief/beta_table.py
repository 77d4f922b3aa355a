"""Quantiles of many Beta distributions at once, from a table: a hundredth of the exact time.

Predicting a survey asks for two quantiles of every answer of every galaxy, which would cost as much
as a small network itself. Over the logarithms of both parameters a quantile is smooth, so a fine
grid and straight lines between its points are right to 1e-3 of a vote fraction, for 90 % intervals
of concentrations from 0.02 to 100,000: what calibrated networks say.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.dirichlet import Array, rests
from inference.formats.tree import Tree

_LEAST, _MOST, _POINTS = 1e-3, 1e5, 385
_STEP = np.log(_MOST / _LEAST) / (_POINTS - 1)


def quick_intervals(
    alpha: Array, tree: Tree, mass: float = 0.9
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what `dirichlet.intervals` returns, to 1e-3: lower, upper (N, K).

    Args:
        alpha: concentrations, (N, K), none of them NaN.
        mass: 0.9 or more; of narrower intervals the ends are 1e-2 off where concentrations are
            far below 1.
    """
    rest = rests(alpha, tree)
    tail = round((1 - mass) / 2, 12)
    place = _places(alpha, rest)
    return _between(_table(tail), *place), _between(_table(round(1 - tail, 12)), *place)


def quick_quantile(alpha: Array, rest: Array, probability: float) -> NDArray[np.float32]:
    """Return quantiles of Beta(alpha, rest), to 1e-3, of the arrays' shape."""
    return _between(_table(round(probability, 12)), *_places(alpha, rest))


@lru_cache(maxsize=8)
def _table(probability: float) -> NDArray[np.float32]:
    grid = np.geomspace(_LEAST, _MOST, _POINTS)
    found = special.betaincinv(grid[:, None], grid[None, :], probability)
    table: NDArray[np.float32] = found.astype(np.float32)
    return table


def _places(alpha: Array, rest: Array) -> tuple[NDArray[Any], ...]:
    """Return the lower corner in the flattened grid, and how far beyond it, for each value."""
    found: list[NDArray[Any]] = []
    for values in (alpha, rest):
        clipped = np.clip(np.asarray(values, np.float32), _LEAST, _MOST)
        place = (np.log(clipped) - np.float32(np.log(_LEAST))) * np.float32(1 / _STEP)
        whole = np.minimum(place.astype(np.int32), _POINTS - 2)
        found += [whole, place - whole]
    row, beyond_row, column, beyond_column = found
    return row * _POINTS + column, beyond_row, beyond_column


def _between(
    table: NDArray[np.float32],
    corner: NDArray[np.int32],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
) -> NDArray[np.float32]:
    flat = table.ravel()
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + _POINTS] * (1 - right) + flat[corner + _POINTS + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
