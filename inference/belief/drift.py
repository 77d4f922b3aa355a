"""Do newly come galaxies look like those that a network was trained on? By their embeddings.

The energy distance between two samples (Székely and Rizzo 2013, "Energy statistics: a class of
statistics based on distances", J. Stat. Plan. Inference 143, 1249), as a share of its largest
value: 0 where both come from one distribution, 1 where each is a point of its own. How sure that is
says a permutation test: the share of random re-labelings that lie as far apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import EvidenceRefused

LEAST_SAMPLE = 50  # galaxies on either side; fewer say nothing
MOST_SAMPLE = 1000  # drawn of more; the work grows with the square
N_PERMUTATIONS = 499
SURE = 0.01  # p-value
LEAST_DISTANCE = 0.01  # smaller ones are found in large samples and hurt nobody
_UNIT = 0.02  # tolerance of lengths: embeddings are stored in 16 bits


@dataclass(frozen=True)
class Drift:
    """How far new galaxies are from those trained on.

    Attributes:
        distance: 0 to 1; None where there are too few galaxies.
        p: chance of such a distance if both were alike; None likewise.
        n_reference, n_new: galaxies there are, of which at most 1,000 each were drawn.
        has_drifted: whether somebody should be told.
    """

    distance: float | None
    p: float | None
    n_reference: int
    n_new: int
    has_drifted: bool
    words: str


def drift(
    reference: NDArray[np.floating[Any]], new: NDArray[np.floating[Any]], *, seed: int = 0
) -> Drift:
    """Return how far new galaxies are from those trained on, with a verdict in words.

    Args:
        reference: embeddings of unit length, (N, D), of galaxies the network was trained on.
        new: (M, D).
        seed: of the draws and the re-labelings; the same seed gives the same figures.

    Raises:
        EvidenceRefused: other shapes, or vectors that are not of unit length.
    """
    _check(reference, new)
    n_reference, n_new = len(reference), len(new)
    if min(n_reference, n_new) < LEAST_SAMPLE:
        words = (
            f"{n_new:,} new galaxies and {n_reference:,} from before the training are too few to "
            f"compare: {LEAST_SAMPLE} of each are needed."
        )
        return Drift(None, None, n_reference, n_new, has_drifted=False, words=words)
    chance = np.random.default_rng(seed)
    sides = [_drawn(side, chance) for side in (reference, new)]
    distance, p = _tested(np.concatenate(sides), len(sides[0]), chance)
    has_drifted = p <= SURE and distance >= LEAST_DISTANCE
    return Drift(
        distance, p, n_reference, n_new, has_drifted,
        _words(distance, p, n_reference, n_new, has_drifted=has_drifted),
    )  # fmt: skip


def _words(distance: float, p: float, n_reference: int, n_new: int, *, has_drifted: bool) -> str:
    figures = f"distance {distance:.3f} of 1, p = {p:.3f}"
    sides = f"{n_reference:,} of those that the model was trained on"
    if has_drifted:
        return (
            f"The {n_new:,} newest galaxies look different from {sides} ({figures}): its word on "
            f"them may be worse than its card says. Let people answer some of them, and retrain."
        )
    return f"The {n_new:,} newest galaxies look like {sides} ({figures})."


def _check(reference: NDArray[np.floating[Any]], new: NDArray[np.floating[Any]]) -> None:
    for name, side in (("reference", reference), ("new", new)):
        if side.ndim != 2 or side.shape[1] != reference.shape[-1]:
            raise EvidenceRefused(
                f"The {name} embeddings have the shape {side.shape}: give one row a galaxy, and "
                f"as many numbers in each as on the other side."
            )
        lengths = np.linalg.norm(np.asarray(side, np.float64), axis=1)
        wrong = ~(np.abs(lengths - 1) <= _UNIT)  # True for NaN
        if wrong.any():
            row = int(wrong.argmax())
            raise EvidenceRefused(
                f"Row {row + 1:,} of the {name} embeddings has the length {lengths[row]:.3g}: give "
                f"vectors of length 1."
            )


def _drawn(side: NDArray[np.floating[Any]], chance: np.random.Generator) -> NDArray[np.float64]:
    rows = side if len(side) <= MOST_SAMPLE else chance.choice(side, MOST_SAMPLE, replace=False)
    return np.asarray(rows, np.float64)


def _tested(both: NDArray[np.float64], n: int, chance: np.random.Generator) -> tuple[float, float]:
    """Return the distance of the first n rows from the rest, and its p-value."""
    squared = np.maximum(2 - 2 * (both @ both.T), 0)  # of unit vectors
    np.fill_diagonal(squared, 0)
    apart = np.sqrt(squared)
    labels = np.zeros((N_PERMUTATIONS + 1, len(both)))
    labels[0, :n] = 1
    for row in labels[1:]:
        row[chance.permutation(len(both))[:n]] = 1
    found = _distances(apart, labels, n, len(both) - n)
    as_far = int((found[1:] >= found[0]).sum())
    return float(max(found[0], 0.0)), (as_far + 1) / (N_PERMUTATIONS + 1)


def _distances(
    apart: NDArray[np.float64], labels: NDArray[np.float64], n: int, m: int
) -> NDArray[np.float64]:
    """Return the share of each labeling, (labelings,); about 0 on average where both are alike.

    Pairs of a galaxy with itself are left out, so that small samples are not farther apart.
    """
    to_first = labels @ apart
    within = (to_first * labels).sum(axis=1)
    across = to_first.sum(axis=1) - within
    rest = apart.sum() - within - 2 * across
    between = across / (n * m)
    inside = within / (n * (n - 1)) + rest / (m * (m - 1))
    share: NDArray[np.float64] = (2 * between - inside) / np.maximum(2 * between, 1e-12)
    return share
