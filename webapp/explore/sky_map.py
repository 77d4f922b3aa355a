"""Where galaxies are on the sky: counts in cells of one area, drawn as Mollweide did.

No database here. East is left, as one sees the sky; the middle is RA 180°.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from webapp.exports.selection import Cone

N_ACROSS, N_UP = 36, 18  # cells: 10° of RA, and equal steps of sin Dec
WIDTH_PX, HEIGHT_PX, EDGE_PX = 720, 360, 4
MOST_POINTS = 1000
_BASELINE_PX = 5  # from the middle of a figure to its foot
_CURVE = 4  # pieces of a cell's upright edges
_LEVELS = (0.25, 0.4, 0.6, 0.8, 1.0)  # of opacity: one cell is never invisible
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """A cell with galaxies in it.

    Attributes:
        outline: its path on the map; opacity: how full it is drawn.
        ra, dec: from where to where it reaches, degrees.
        cone: a circle that holds it.
    """

    n: int
    outline: str
    opacity: float
    ra: str
    dec: str
    cone: Cone

    @property
    def words(self) -> str:
        """Where it is and how many it has."""
        return f"RA {self.ra}°, Dec {self.dec}°: {self.n:,}"


@dataclass(frozen=True)
class SkyMap:
    """A map of galaxies; points only where there are few enough to be seen."""

    cells: list[Cell]
    points: list[tuple[float, float]]
    n_unknown: int
    n_total: int
    width: int = WIDTH_PX + 2 * EDGE_PX
    height: int = HEIGHT_PX + 2 * EDGE_PX

    @cached_property
    def lines(self) -> list[str]:
        """The net of meridians and parallels as paths."""
        return _net()

    @cached_property
    def names(self) -> list[tuple[float, float, str]]:
        """What the meridians and parallels are called, and where."""
        return _names()

    @cached_property
    def outline(self) -> tuple[float, float, float, float]:
        """The middle and the half axes of the whole sky."""
        return self.width / 2, self.height / 2, WIDTH_PX / 2, HEIGHT_PX / 2


def sky_map(ra_deg: Floats, dec_deg: Floats) -> SkyMap:
    """Count galaxies in cells, and place them where they are few; NaN is an unknown position."""
    is_known = ~(np.isnan(ra_deg) | np.isnan(dec_deg))
    ra, dec = ra_deg[is_known], dec_deg[is_known]
    across = np.minimum((ra * (N_ACROSS / 360)).astype(int), N_ACROSS - 1)
    up = np.minimum(((np.sin(np.radians(dec)) + 1) * (N_UP / 2)).astype(int), N_UP - 1)
    counts = np.bincount(up * N_ACROSS + across, minlength=N_ACROSS * N_UP)
    points: list[tuple[float, float]] = []
    if len(ra) <= MOST_POINTS:
        points = [(float(x), float(y)) for x, y in zip(*mollweide(ra, dec), strict=True)]
    most = int(counts.max(initial=0))
    return SkyMap(
        cells=[_cell(int(place), int(counts[place]), most) for place in np.flatnonzero(counts)],
        points=points,
        n_unknown=int((~is_known).sum()),
        n_total=len(ra_deg),
    )


def _cell(place: int, n: int, most: int) -> Cell:
    outline, ra, dec, cone = _shape(place)
    share = math.log1p(n) / math.log1p(most)
    opacity = _LEVELS[min(len(_LEVELS) - 1, int(share * len(_LEVELS)))]
    return Cell(n, outline, opacity, ra, dec, cone)


@lru_cache(maxsize=N_ACROSS * N_UP)
def _shape(place: int) -> tuple[str, str, str, Cone]:
    up, across = divmod(place, N_ACROSS)
    ra = (across * 360 / N_ACROSS, (across + 1) * 360 / N_ACROSS)
    low, high = (math.degrees(math.asin(2 * edge / N_UP - 1)) for edge in (up, up + 1))
    decs = np.linspace(low, high, _CURVE + 1)
    ras = np.repeat([ra[0], ra[1]], _CURVE + 1)
    x, y = mollweide(ras, np.concatenate([decs, decs[::-1]]))
    middle = (sum(ra) / 2, (low + high) / 2)
    radius = max(_distance(middle, (corner, dec)) for corner in ra for dec in (low, high))
    cone = Cone(middle[0], round(middle[1], 2), math.ceil(radius * 10) / 10)
    ends = f"{ra[0]:.0f} to {ra[1]:.0f}", f"{low:.1f} to {high:.1f}"
    return _path(x, y, is_closed=True), *ends, cone


def mollweide(ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
    """Return places on the map, pixels from its upper left corner.

    Equal areas stay equal (Snyder 1987, Map Projections, p. 251).
    """
    theta = _auxiliary(np.radians(np.asarray(dec_deg, float)))
    across = np.cos(theta) * (np.asarray(ra_deg, float) - 180) / 180
    x = EDGE_PX + WIDTH_PX / 2 * (1 - across)
    y = EDGE_PX + HEIGHT_PX / 2 * (1 - np.sin(theta))
    return np.round(x, 1), np.round(y, 1)


def _auxiliary(dec: Floats) -> Floats:
    """Solve 2 θ + sin 2 θ = π sin Dec by Newton's steps, which the start makes few."""
    target = np.pi * np.sin(dec)
    angle = 2 * np.arcsin(np.clip(2 * dec / np.pi, -1, 1))
    for _ in range(20):
        slope = np.maximum(1 + np.cos(angle), 1e-9)
        angle = np.clip(angle - (angle + np.sin(angle) - target) / slope, -np.pi, np.pi)
    return angle / 2


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the angle between two positions, degrees."""
    (ra, dec), (other_ra, other_dec) = one, other
    half = math.sin(math.radians(other_dec - dec) / 2) ** 2 + (
        math.cos(math.radians(dec))
        * math.cos(math.radians(other_dec))
        * math.sin(math.radians(other_ra - ra) / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))


def _path(x: Floats, y: Floats, *, is_closed: bool = False) -> str:
    steps = " ".join(f"{one:g},{other:g}" for one, other in zip(x, y, strict=True))
    return f"M{steps}{'Z' if is_closed else ''}"


@lru_cache(maxsize=1)
def _net() -> list[str]:
    decs = np.linspace(-90, 90, 37)
    upright = [_path(*mollweide(np.full(37, float(ra)), decs)) for ra in range(0, 361, 60)]
    ends = np.array([0.0, 360.0])
    level = [_path(*mollweide(ends, np.full(2, float(dec)))) for dec in (-60, -30, 0, 30, 60)]
    return [*upright, *level]


@lru_cache(maxsize=1)
def _names() -> list[tuple[float, float, str]]:
    meridians = [(float(ra), 0.0, f"{ra}°") for ra in (60, 120, 180, 240, 300)]
    parallels = [(180.0, float(dec), f"{dec:+d}°") for dec in (-60, -30, 30, 60)]
    places = [(*mollweide(np.array([ra]), np.array([dec])), words)
              for ra, dec, words in (*meridians, *parallels)]  # fmt: skip
    return [(float(x[0]), float(y[0]) + _BASELINE_PX, words) for x, y, words in places]
