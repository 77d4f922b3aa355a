"""How alike galaxies are to a network: distances between embeddings; no database here."""

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = 10


def distances(
    embeddings: NDArray[np.float32],
    ids: NDArray[np.int64],
    reference: NDArray[np.float32],
    reference_ids: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean cosine distance of each to its nearest ten in a sample, (n,), 0 to 2.

    Distances to a sample grow as the sample shrinks, so they are compared within one.

    Args:
        embeddings: of unit length, (n, D); reference (m, D).
        ids, reference_ids: of whose they are: nobody is a neighbor of itself.
    """
    alike = embeddings @ reference.T
    alike[ids[:, None] == reference_ids] = -np.inf
    count = min(NEIGHBORS, len(reference) - 1)
    if count < 1:
        return np.zeros(len(embeddings))
    nearest = np.partition(alike, -count, axis=1)[:, -count:]
    found: NDArray[np.float64] = 1 - nearest.mean(axis=1, dtype=np.float64)
    return found
