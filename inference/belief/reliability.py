"""Is a fraction what it says? Expected fractions set against those that people gave, by bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Of the leading answers of one question."""

    bins: tuple[tuple[float, float, int], ...]  # mean fraction expected, mean given, galaxies
    error: float  # mean distance of the two, weighted over the bins; NaN without galaxies


def reliability(expected: NDArray[np.float64], given: NDArray[np.float64]) -> Reliability:
    """Return the bins of a reliability diagram that hold a galaxy, by the leading fraction.

    It is set against the fraction of people who gave that answer, not against whether it led: of
    a galaxy that 60 % call smooth the crowd's leading answer is all but certain.

    Args:
        expected: fraction of each answer, (n, answers); given: what people said, (n, answers).
    """
    leading = expected.argmax(axis=1)
    here = np.arange(len(leading))
    said, found = expected[here, leading], given[here, leading]
    places = np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        bins.append((float(said[inside].mean()), float(found[inside].mean()), int(inside.sum())))
    far = sum(abs(mean - seen) * count for mean, seen, count in bins)
    return Reliability(tuple(bins), far / len(leading) if len(leading) else np.nan)
