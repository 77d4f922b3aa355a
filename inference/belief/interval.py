"""A share of people and how sure it is, by their number alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054  # of the normal distribution: 95 % lie within it
Floats = NDArray[np.float64]


def share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return a part of a whole, of any one shape; NaN where the whole is 0."""
    found = np.full(part.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def wilson(votes: NDArray[Any], asked: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the 95 % interval of a share; NaN where nobody was asked (Wilson 1927)."""
    middle, people = share(votes, asked), np.asarray(asked, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 / (1 + _Z**2 / people)
        center = (middle + _Z**2 / (2 * people)) * scale
        half = _Z * scale * np.sqrt(middle * (1 - middle) / people + _Z**2 / (4 * people**2))
    low = np.where(votes == 0, np.where(asked > 0, 0.0, np.nan), center - half)
    return low, np.where((votes == asked) & (asked > 0), 1.0, center + half)
