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
    place = (np.arange(size_px) + 0.5) * cells / size_px + shift  # in cells, below cells + 1
    # Bilinear weights of every grid line at every pixel: a tent of one cell on either side.
    distance = np.abs(place[..., None] - np.arange(cells + 2))
    rows, columns = np.maximum(0, 1 - distance).astype(np.float32)
    masks: NDArray[np.float32] = rows @ grid @ columns.transpose(0, 2, 1)
    return masks.clip(0, 1)


def pixels_of_cells(cells: NDArray[Any], size_px: int) -> NDArray[Any]:
    """Return each cell's value at all its pixels, (..., S, S), from (..., cells, cells)."""
    index = _cell_of_pixel(cells.shape[-1], size_px)
    return cells[..., index[:, None], index]


def cell_means(heat: NDArray[np.floating], cells: int) -> NDArray[np.float64]:
    """Return the mean of a square map within each cell, (cells, cells)."""
    index = _cell_of_pixel(cells, len(heat))
    share = (index == np.arange(cells)[:, None]).astype(np.float64)
    share /= share.sum(axis=1, keepdims=True)
    means: NDArray[np.float64] = share @ heat @ share.T
    return means


def _cell_of_pixel(cells: int, size_px: int) -> NDArray[np.intp]:
    return np.arange(size_px) * cells // size_px
