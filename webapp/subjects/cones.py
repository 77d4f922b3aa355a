"""Circles on the sky: the ranges of HEALPix cells that cover one; no database here.

Cells are the nested ones of order 29 (see `sky.healpix`): a coarser one is a range of them.
Formulas after Górski et al. 2005 (ApJ 622, 759).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from webapp.subjects.sky import HEALPIX_ORDER

FINEST = 25  # where a cell is 6 milliarcseconds wide: rounding would begin to matter below
CELLS_ACROSS = 3.0  # of the finest cells looked at, along the radius
_RING = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])
_LONGITUDE = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])
_SLACK_RAD = 1e-9


@dataclass(frozen=True)
class Cone:
    """All that is at most `radius_deg` (0 to 180) away from an ICRS position, degrees."""

    ra_deg: float
    dec_deg: float
    radius_deg: float

    def ranges(self) -> list[tuple[int, int]]:
        """Return ranges of cells, first and one beyond the last, that hold all of the circle.

        They hold a little more; there are few tens of them, whatever the radius.
        """
        center = unit_vectors(np.array([self.ra_deg]), np.array([self.dec_deg]))[0]
        radius_rad = math.radians(self.radius_deg)
        order, cells = 0, np.arange(12, dtype=np.int64)
        whole: list[tuple[int, NDArray[np.int64]]] = []
        while True:
            distance = _angles(cell_centers(cells, order), center)
            reach = cell_radius(order) + _SLACK_RAD
            inside = distance + reach <= radius_rad
            touched = (distance - reach <= radius_rad) & ~inside
            whole.append((order, cells[inside]))
            cells = cells[touched]
            if not len(cells) or order == FINEST or reach * CELLS_ACROSS <= radius_rad:
                return _merged([*whole, (order, cells)])
            order, cells = order + 1, (4 * cells[:, None] + np.arange(4)).ravel()

    def holds(self, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of these positions are inside."""
        center = unit_vectors(np.array([self.ra_deg]), np.array([self.dec_deg]))[0]
        angles = _angles(unit_vectors(ra_deg, dec_deg), center)
        return np.asarray(angles <= math.radians(self.radius_deg))


def unit_vectors(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions as unit vectors, of shape (N, 3)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def cell_centers(cells: NDArray[np.int64], order: int) -> NDArray[np.float64]:
    """Return the middles of nested cells as unit vectors, of shape (N, 3)."""
    n_side = 1 << order
    face, within = cells >> (2 * order), cells & ((1 << (2 * order)) - 1)
    x, y = _every_second_bit(within), _every_second_bit(within >> 1)
    ring = _RING[face] * n_side - x - y - 1  # 1 at the north pole, 4 n_side - 1 at the south pole
    is_north, is_south = ring < n_side, ring > 3 * n_side
    n_in_quarter = np.where(is_north, ring, np.where(is_south, 4 * n_side - ring, n_side))
    polar = 1 - n_in_quarter**2.0 / (3.0 * n_side**2)
    z = np.where(
        is_north, polar, np.where(is_south, -polar, (2 * n_side - ring) * 2 / (3 * n_side))
    )
    shift = np.where(is_north | is_south, 0, (ring - n_side) & 1)
    number = (_LONGITUDE[face] * n_in_quarter + x - y + 1 + shift) // 2
    longitude = (number - (shift + 1) / 2) * (np.pi / 2 / n_in_quarter)
    rho = np.sqrt(np.maximum(0, 1 - z * z))
    return np.stack([rho * np.cos(longitude), rho * np.sin(longitude), z], axis=-1)


def cell_radius(order: int) -> float:
    """Return how far the corner of a cell of this order can be from its middle, radians."""
    n_side = 1 << order
    equator = _vector(2 / 3, math.pi / (4 * n_side))
    pole = _vector(1 - (1 - 1 / n_side) ** 2 / 3, 0.0)
    return 2 * math.asin(min(1.0, float(np.linalg.norm(equator - pole)) / 2))


def _vector(z: float, longitude: float) -> NDArray[np.float64]:
    rho = math.sqrt(1 - z * z)
    return np.array([rho * math.cos(longitude), rho * math.sin(longitude), z])


def _every_second_bit(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return bits 0, 2, 4 ... of each number side by side."""
    bits = values & 0x5555555555555555
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        bits = (bits | bits >> shift) & mask
    return bits


def _angles(vectors: NDArray[np.float64], center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles to a direction, radians; exact for small and for large ones."""
    sine = np.linalg.norm(np.cross(vectors, center), axis=-1)
    return np.asarray(np.arctan2(sine, vectors @ center))


def _merged(found: list[tuple[int, NDArray[np.int64]]]) -> list[tuple[int, int]]:
    """Return cells of several orders as ranges of the finest, those side by side as one."""
    parts = sorted(
        (int(cell) << shift, int(cell) + 1 << shift)
        for order, cells in found
        for shift in (2 * (HEALPIX_ORDER - order),)
        for cell in cells
    )
    merged: list[tuple[int, int]] = []
    for first, end in parts:
        if merged and merged[-1][1] == first:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((first, end))
    return merged
