"""What is stored of galaxies, as arrays: all that a column of the catalog is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.formats.tree import Tree


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is stored of N galaxies of one campaign, by growing subject id, along one tree's axis.

    Attributes:
        subject_id: (N,) int64, the site's own number of a galaxy.
        survey_id: (N,) str objects, the survey's name of it, unique in its set.
        survey: (N,) str objects, the slug of its set.
        ra, dec: (N,) float64, ICRS degrees; NaN where unknown.
        votes: (N, K) int32, people who gave each answer.
        asked: (N, Q) int32, people who met each question.
        weighted: (N, K) float32, the votes by weight.
        weighted_asked: (N, Q) float32.
        prior: (N, K) float32, the network's calibrated concentrations; NaN without a network.
        model: (N,) str objects, the first 8 digits of the network's SHA-256; "" without one.
        n_classifications: (N,) int32, those that count.
        retired_at: (N,) datetime64[us], UTC; NaT while open.
        retired_reason: (N,) str objects, RetiredReason; "" while open.
        n_flags: (N,) int32, notes that somebody should look at its picture.
        is_gold: (N,) bool, experts have answered it.
        filled_share: (N,) float64, share of its pixels without a value.
        metadata: what its survey says, by the name in the manifest without marks ("#", "!", "%");
            (N,) float64 where every value is a number (NaN: none), else str objects ("": none).
    """

    tree: Tree
    subject_id: NDArray[np.int64]
    survey_id: NDArray[np.object_]
    survey: NDArray[np.object_]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    votes: NDArray[np.int32]
    asked: NDArray[np.int32]
    weighted: NDArray[np.float32]
    weighted_asked: NDArray[np.float32]
    prior: NDArray[np.float32]
    model: NDArray[np.object_]
    n_classifications: NDArray[np.int32]
    retired_at: NDArray[np.datetime64]
    retired_reason: NDArray[np.object_]
    n_flags: NDArray[np.int32]
    is_gold: NDArray[np.bool_]
    filled_share: NDArray[np.float64]
    metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.subject_id)

    def part(self, rows: "slice | NDArray[Any]") -> "Evidence":
        """Return some of the galaxies, by a slice, places, or where a mask is true."""
        values = {name: value[rows] for name, value in vars(self).items() if name not in _WHOLE}
        metadata = {name: value[rows] for name, value in self.metadata.items()}
        return Evidence(tree=self.tree, metadata=metadata, **values)


_WHOLE = ("tree", "metadata")
