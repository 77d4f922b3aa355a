"""Parts of a picture hidden behind its own sky, for many masks at once.

A mask says how much of each pixel is kept: 1 shows it, 0 puts the sky in its place.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT = 0.5  # of the grid points of a RISE mask, as in the paper
_BORDER_SHARE = 16  # the border is a sixteenth of the side wide


def sky_of(stamp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the color that stands for "nothing here": the median of the picture's border, (3,).

    A galaxy that is taken away leaves sky, and the sky of these pictures is dark but not black:
    black or gray would be a thing no network was shown. A blurred copy would not do either: what
    it leaves of a spiral is a smooth galaxy, which is an answer and not the absence of one. The
    median does not see a star at the edge.
    """
    size_px = len(stamp)
    width = max(1, size_px // _BORDER_SHARE)
    is_border = np.ones((size_px, size_px), np.bool_)
    is_border[width : size_px - width, width : size_px - width] = False
    sky: NDArray[np.uint8] = np.rint(np.median(stamp[is_border], axis=0)).astype(np.uint8)
    return sky


def hidden(stamp: NDArray[np.uint8], kept: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a copy of a picture for each mask, uint8 (n, S, S, 3).

    Args:
        stamp: uint8 (S, S, 3).
        kept: masks (n, S, S) in [0, 1].
    """
    sky = sky_of(stamp).astype(np.float32)
    copies = kept[..., None] * (stamp - sky)
    copies += sky
    return np.rint(copies, out=copies).astype(np.uint8)


def rise_masks(
    rng: np.random.Generator, n: int, *, cells: int, size_px: int
) -> NDArray[np.float32]:
    """Return random smooth masks, (n, size_px, size_px) in [0, 1].

    As in Petsiuk et al. 2018 (RISE): a coarse grid of zeros and ones, enlarged by bilinear
    interpolation and shifted by a random part of a cell.

    Args:
        cells: of the grid along a side of the picture.
    """
    grid = (rng.random((n, cells + 2, cells + 2)) < _KEPT).astype(np.float32)
    shift = rng.random((2, n, 1))
    rows, columns = _bilinear(_in_cells(cells, size_px) + shift, cells + 2)
    masks: NDArray[np.float32] = rows @ grid @ columns.transpose(0, 2, 1)
    return masks.clip(0, 1)


def smoothed(cells: NDArray[Any], size_px: int) -> NDArray[np.float32]:
    """Return cells (..., cells, cells) as pixels (..., size_px, size_px) without edges.

    Hard squares would cut edges into a galaxy, which networks take for arms and bars: such holes
    can make an answer rise that lost all its evidence.
    """
    n_cells = cells.shape[-1]
    place = (_in_cells(n_cells, size_px) - 0.5).clip(0, n_cells - 1)  # centers are whole numbers
    weights = _bilinear(place, n_cells)
    pixels: NDArray[np.float32] = weights @ cells.astype(np.float32) @ weights.T
    return pixels


def cell_means(heat: NDArray[np.floating], cells: int) -> NDArray[np.float64]:
    """Return the mean of a square map within each cell, (cells, cells)."""
    index = np.floor(_in_cells(cells, len(heat)))
    share = (index == np.arange(cells)[:, None]).astype(np.float64)
    share /= share.sum(axis=1, keepdims=True)
    means: NDArray[np.float64] = share @ heat @ share.T
    return means


def _in_cells(cells: int, size_px: int) -> NDArray[np.float64]:
    """Return where the centers of pixels are, from 0 to the number of cells."""
    return (np.arange(size_px) + 0.5) * cells / size_px


def _bilinear(place: NDArray[np.float64], n: int) -> NDArray[np.float32]:
    """Return the weight of each of n grid lines at each place: a tent of 1 on either side."""
    weights: NDArray[np.float64] = np.maximum(0, 1 - np.abs(place[..., None] - np.arange(n)))
    return weights.astype(np.float32)
