"""Whether a map of what matters is true: blank what it names first, and watch the answer go.

The deletion test of Petsiuk et al. 2018. A map earns trust only against orders that know nothing
of the network: cells at random, and cells from the center outward, where galaxies are anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

N_RANDOM = 16
_STEPS = 16
_SPREADS = 2.0  # below this many standard deviations of the random orders is clearly below
_MARGIN = 0.01  # a smaller difference of two areas is none: forty volunteers step by 0.025

# Vote fractions (n,) of a picture of which cells bool (n, cells, cells) are kept.
CellFractions = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Deletion:
    """How the vote fraction falls while cells are blanked, in several orders.

    Attributes:
        shares: of the picture blanked, from 0 to 1, (n,).
        own: the fraction in the map's order, (n,).
        random: in random orders, (orders, n).
        center: from the center outward, (n,).
    """

    shares: NDArray[np.float64]
    own: NDArray[np.float64]
    random: NDArray[np.float64]
    center: NDArray[np.float64]

    @cached_property
    def own_score(self) -> float:
        """The area under the map's curve, in [0, 1]; the lower the better."""
        return float(self._area(self.own))

    @cached_property
    def random_score(self) -> float:
        """The mean area of the random orders."""
        return float(self._area(self.random).mean())

    @cached_property
    def random_spread(self) -> float:
        """The standard deviation of the random orders' areas."""
        return float(self._area(self.random).std(ddof=1))

    @cached_property
    def center_score(self) -> float:
        """The area of the order from the center outward."""
        return float(self._area(self.center))

    @property
    def lowers(self) -> bool:
        """Whether blanking in the map's order lowers the fraction at all."""
        return self.own_score < float(self.own[0]) - _MARGIN

    @property
    def beats_random(self) -> bool:
        """Whether the map lowers the fraction, and clearly faster than chance."""
        needed = max(_SPREADS * self.random_spread, _MARGIN)
        return self.lowers and self.own_score < self.random_score - needed

    @property
    def beats_center(self) -> bool:
        """Whether the map is better than blanking the center first."""
        return self.own_score < self.center_score - _MARGIN

    @property
    def verdict(self) -> str:
        """What the test says of the map, one sentence for people."""
        if not self.lowers:
            return "Blanking what this map shows does not lower the answer, so it explains nothing."
        if not self.beats_random:
            return "This map is no better than blanking cells at random, so it explains nothing."
        sentence = "Blanking what this map shows lowers the answer faster than blanking at random"
        if self.beats_center:
            return f"{sentence} or from the center outward."
        if self.center_score < self.own_score - _MARGIN:
            return f"{sentence}, but blanking from the center outward lowers it faster still."
        return f"{sentence}, but no faster than blanking from the center outward."

    def _area(self, curve: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.trapezoid(curve, self.shares, axis=-1))


def deletion_test(
    worth: NDArray[np.floating], fractions_of: CellFractions, rng: np.random.Generator
) -> Deletion:
    """Return how the vote fraction falls in the order of a map, at random and center-first.

    Args:
        worth: how much each cell matters, (cells, cells); equal ones are ordered at random.
    """
    n_cells = worth.size
    chance = rng.random((N_RANDOM + 1, n_cells))
    ties, randoms = chance[0], chance[1:]
    # Cells in the order they are blanked, then the rank of each cell: (orders, n_cells).
    orders = [np.lexsort((ties, -worth.ravel())), np.lexsort((ties, _off_center(len(worth))))]
    ranks = np.argsort(np.vstack([*orders, np.argsort(randoms)]), axis=1)
    blanked = np.unique(np.linspace(0, n_cells, _STEPS + 1).round().astype(int))
    inner = blanked[1:-1]
    kept = ranks[:, None, :] >= inner[:, None]  # (orders, steps, n_cells)
    ends = np.broadcast_to([[True], [False]], (2, n_cells))  # the same for every order
    found = fractions_of(
        np.concatenate([kept.reshape(-1, n_cells), ends]).reshape(-1, *worth.shape)
    )
    first, last = (np.full((len(ranks), 1), end) for end in found[-2:])
    curves = np.hstack([first, found[:-2].reshape(len(ranks), -1), last])
    return Deletion(blanked / n_cells, own=curves[0], center=curves[1], random=curves[2:])


def _off_center(cells: int) -> NDArray[np.float64]:
    offset = np.arange(cells) - (cells - 1) / 2
    distance: NDArray[np.float64] = np.hypot(offset[:, None], offset)
    return distance.round(9).ravel()  # equal distances shall be equal
