"""Do intervals hold what people said as often as they claim? For counts, which are discrete.

The number of votes for an answer is beta-binomial, so an interval of counts can rarely hold exactly
90 %: what is observed is compared with the interval's own mass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import Array, dirichlet_multinomial, span_of, strengths
from inference.formats.tree import Tree

MASSES = (0.5, 0.68, 0.9, 0.95)


@dataclass(frozen=True)
class Coverage:
    """Of one question, or of all: how often counts fell into their intervals."""

    mass: float  # that was asked for
    nominal: float  # mean mass of the intervals themselves
    observed: float  # share of counts inside
    n: int  # counts judged: a galaxy's answers each


def coverage(
    alpha: Array, votes: Array, asked: Array, tree: Tree, masses: tuple[float, ...] = MASSES
) -> dict[str, list[Coverage]]:
    """Return the coverage by question key, and of all together under "all".

    Args:
        alpha: calibrated concentrations, (N, K).
        votes: (N, K); fractions times a nominal number are rounded to whole people.
        asked: (N, Q).
    """
    alpha = np.array(alpha, np.float64)
    rest = np.maximum(strengths(alpha, tree) - alpha, 1e-12)
    found: dict[str, list[Coverage]] = {}
    pooled: list[NDArray[np.float64]] = []
    for question in tree.questions:
        span = span_of(question)
        people = np.rint(np.asarray(asked)[:, question.index]).astype(np.int64)
        rows = people > 0
        n_answers = span.stop - span.start
        judged = _judged(
            np.asarray(alpha[rows, span], np.float64).ravel(),
            rest[rows, span].ravel(),
            np.rint(np.asarray(votes)[rows, span]).astype(np.int64).ravel(),
            np.repeat(people[rows], n_answers),
            masses,
        )
        pooled.append(judged)
        found[question.key] = _summary(judged, masses)
    found["all"] = _summary(np.concatenate(pooled, axis=1), masses)
    return found


def _summary(judged: NDArray[np.float64], masses: tuple[float, ...]) -> list[Coverage]:
    n = judged.shape[1]
    return [
        Coverage(
            mass=mass,
            nominal=float(judged[2 * place].mean()) if n else float("nan"),
            observed=float(judged[2 * place + 1].mean()) if n else float("nan"),
            n=n,
        )
        for place, mass in enumerate(masses)
    ]


def _judged(
    alpha: NDArray[np.float64],
    rest: NDArray[np.float64],
    votes: NDArray[np.int64],
    people: NDArray[np.int64],
    masses: tuple[float, ...],
) -> NDArray[np.float64]:
    """Return for each mass the interval's own mass and whether it holds the count, (2 M, n)."""
    found = np.zeros((2 * len(masses), len(alpha)))
    for n in np.unique(people):
        rows = np.flatnonzero(people == n)
        counts = np.arange(n + 1, dtype=np.float64)
        pair = np.stack([alpha[rows], rest[rows]], -1)[:, None, :]
        pmf = np.exp(dirichlet_multinomial(pair, np.stack([counts, n - counts], -1)))
        below = np.cumsum(pmf, axis=1)
        for place, mass in enumerate(masses):
            tail = (1 - mass) / 2
            lower = (below <= tail).sum(axis=1)
            upper = np.minimum((below < 1 - tail).sum(axis=1), n)
            before = np.where(lower > 0, below[np.arange(len(rows)), np.maximum(lower - 1, 0)], 0)
            found[2 * place, rows] = below[np.arange(len(rows)), upper] - before
            count = np.clip(votes[rows], 0, n)
            found[2 * place + 1, rows] = (count >= lower) & (count <= upper)
    return found
