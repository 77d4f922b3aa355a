"""Do intervals hold what people said as often as they claim? For counts, which are discrete.

The number of votes for an answer is beta-binomial, so an interval of counts can rarely hold exactly
90 %: what is observed is compared with the interval's own mass.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import Array, beta_binomial, rests, span_of
from inference.formats.tree import Tree

MASSES = (0.5, 0.68, 0.9, 0.95)
ALL = "all"
_BLOCK = 2_000_000  # probabilities held at once
_ROUNDING = 1e-9  # of sums of probabilities, which are often just a tail in small crowds


@dataclass(frozen=True)
class Coverage:
    """Of one question, or of all: how often counts fell into their intervals."""

    mass: float  # that was asked for
    nominal: float  # mean mass of the intervals themselves
    observed: float  # share of counts inside
    n: int  # counts judged: a galaxy's answers each, so not independent of one another


def coverage(
    alpha: Array, votes: Array, asked: Array, tree: Tree, masses: tuple[float, ...] = MASSES
) -> dict[str, list[Coverage]]:
    """Return the coverage by question key, and of all together under "all".

    The intervals are equal-tailed: as few counts as leave at most half the rest on either side.
    Fractions times a nominal number of people are rounded to whole people; their coverage says
    little, as nobody knows how many people the fractions are of.

    Args:
        alpha: calibrated concentrations, (N, K).
        votes: (N, K); asked: (N, Q).
        masses: what the intervals should hold, 0 to 1.
    """
    own, rest = np.array(alpha, np.float64), rests(alpha, tree)
    whole = np.rint(votes).astype(np.int64)
    people = np.rint(asked).astype(np.int64)
    found: dict[str, list[Coverage]] = {}
    pooled: list[NDArray[np.float64]] = []
    for question in tree.questions:
        span = span_of(question)
        rows = people[:, question.index] > 0
        judged = _judged(
            own[rows, span].ravel(),
            rest[rows, span].ravel(),
            whole[rows, span].ravel(),
            np.repeat(people[rows, question.index], span.stop - span.start),
            masses,
        )
        pooled.append(judged)
        found[question.key] = _summary(judged, masses)
    found[ALL] = _summary(np.concatenate(pooled, axis=2), masses)
    return found


def _summary(judged: NDArray[np.float64], masses: tuple[float, ...]) -> list[Coverage]:
    n = judged.shape[2]
    nominal, observed = judged.mean(axis=2) if n else np.full(judged.shape[:2], np.nan)
    return [
        Coverage(mass=mass, nominal=float(claimed), observed=float(inside), n=n)
        for mass, claimed, inside in zip(masses, nominal, observed, strict=True)
    ]


def _judged(
    alpha: NDArray[np.float64],
    rest: NDArray[np.float64],
    votes: NDArray[np.int64],
    people: NDArray[np.int64],
    masses: tuple[float, ...],
) -> NDArray[np.float64]:
    """Return each interval's own mass and whether it holds the count, (2, masses, counts)."""
    found = np.zeros((2, len(masses), len(alpha)))
    for n, rows in _alike(people):
        below = np.cumsum(beta_binomial(alpha[rows], rest[rows], n), axis=1)
        count = np.clip(votes[rows], 0, n)
        here = np.arange(len(rows))
        for place, mass in enumerate(masses):
            tail = (1 - mass) / 2 + _ROUNDING
            lower = (below <= tail).sum(axis=1)
            upper = np.minimum((below < 1 - tail).sum(axis=1), n)
            outside = np.where(lower > 0, below[here, lower - 1], 0)
            found[0, place, rows] = below[here, upper] - outside
            found[1, place, rows] = (count >= lower) & (count <= upper)
    return found


def _alike(people: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield every number of people, with the places that have it, in blocks that fit memory."""
    order = np.argsort(people, kind="stable")
    numbers, starts = np.unique(people[order], return_index=True)
    for number, places in zip(numbers.tolist(), np.split(order, starts)[1:], strict=True):
        step = max(1, _BLOCK // (number + 1))
        for start in range(0, len(places), step):
            yield number, places[start : start + step]
