"""Fractions as they would be at low redshift: far galaxies look smoother than they are.

The method of Hart et al. (2016), as Galaxy Zoo DECaLS uses it: among galaxies of like absolute
magnitude and size, the distribution of a fraction at each redshift is shifted onto that at low
redshift. Where they have Voronoi bins, the galaxies near to us are halved by turns in magnitude and
size until a cell has as few as its statistics allow; a cell's other galaxies are cut by redshift
into groups of as many. It tells of populations, not of single galaxies.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import reached, span_of
from inference.belief.posterior import layout
from inference.formats.tree import Tree
from webapp.exports.column import Kind
from webapp.exports.evidence import Evidence

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]

_BLOCK = 50_000  # galaxies at once


@dataclass(frozen=True)
class Limits:
    """For which galaxies the correction is made, and from which it is learned."""

    redshift: tuple[float, float] = (0.02, 0.15)
    near: float = 0.03  # up to this redshift galaxies are seen as they are
    magnitude: tuple[float, float] = (-23.0, -21.5)  # absolute, in r
    votes: int = 30  # classifications of a galaxy that is corrected, at least
    asked: int = 5  # people asked the question in a galaxy that is learned from, more than
    reached: float = 0.5  # product of the parents' fractions in such a galaxy, more than
    group: int = 50  # galaxies, at least


@dataclass(frozen=True)
class Inputs:
    """The survey's own names of what the correction needs; `size` in kpc, or in arcseconds."""

    redshift: str
    magnitude: str
    size: str
    is_angular: bool


@dataclass(frozen=True, eq=False)
class Population:
    """N galaxies, all of a catalog.

    Attributes:
        votes: (N, K); asked: (N, Q); n_classifications: (N,).
        redshift, magnitude, size: (N,), NaN where unknown; the absolute magnitude, and kpc.
    """

    tree: Tree
    votes: NDArray[np.int32]
    asked: NDArray[np.int32]
    n_classifications: NDArray[np.int32]
    redshift: Floats
    magnitude: Floats
    size: Floats


_REDSHIFTS = ("redshift", "spec_z", "z")
_MAGNITUDES = ("absolute_magnitude", "absmag_r", "elpetro_absmag_r", "petromag_mr")
_SIZES = ("size_kpc", "r50_kpc", "petror50_kpc")
_ANGLES = ("petro_th50", "petror50_r", "size_arcsec")


def inputs(metadata: Mapping[str, Kind]) -> Inputs | None:
    """Return which metadata the correction can use; None if any of the three is missing."""
    numbers = {name.lower(): name for name, kind in metadata.items() if kind.is_float}
    found = [
        next((numbers[one] for one in known if one in numbers), None)
        for known in (_REDSHIFTS, _MAGNITUDES, (*_SIZES, *_ANGLES))
    ]
    redshift, magnitude, size = found
    if redshift is None or magnitude is None or size is None:
        return None
    return Inputs(redshift, magnitude, size, size.lower() in _ANGLES)


def gather(parts: Iterable[Evidence], use: Inputs) -> Population:
    """Return all galaxies of a catalog, in their order."""
    rows = [_numbers(part, use) for part in parts]
    trees = [row[0] for row in rows]
    columns: list[NDArray[Any]] = [
        np.concatenate([row[1][place] for row in rows]) for place in range(6)
    ]
    votes, asked, n_classifications, redshift, magnitude, size = columns
    if use.is_angular:
        size = kiloparsecs(size, redshift)
    return Population(trees[0], votes, asked, n_classifications, redshift, magnitude, size)


def debiased(galaxies: Population, limits: Limits | None = None) -> NDArray[np.float32]:
    """Return the corrected fraction of each answer, (N, K); NaN where it cannot be told."""
    use = limits or Limits()
    is_chosen, ways = _within(galaxies, use), _ways(galaxies)
    found = np.full(galaxies.votes.shape, np.nan, np.float32)
    for question in galaxies.tree.questions:
        span, asked = span_of(question), galaxies.asked[:, question.index]
        teaches = is_chosen & (asked > use.asked) & (ways[:, question.index] > use.reached)
        takes = is_chosen & (asked > 0) & (galaxies.n_classifications >= use.votes)
        share = _share(galaxies.votes[:, span], asked[:, None])
        found[:, span] = _corrected(share, _groups(galaxies, teaches, takes, use))
        if question.is_single:
            found[:, span] = _whole(found[:, span])
    return found


def kiloparsecs(arcseconds: Floats, redshift: Floats) -> Floats:
    """Return lengths at a distance, in flat space with H0 = 70 km/s/Mpc and 0.3 of matter."""
    grid = np.linspace(0, 10, 20_001)
    speed = 1 / np.sqrt(0.3 * (1 + grid) ** 3 + 0.7)
    steps = np.diff(grid) * (speed[1:] + speed[:-1]) / 2
    distance_mpc = 299_792.458 / 70 * np.append(0, steps.cumsum())
    at = np.interp(redshift, grid, distance_mpc, left=np.nan, right=np.nan) / (1 + redshift)
    found: Floats = np.radians(arcseconds / 3600) * at * 1000
    return found


def _numbers(part: Evidence, use: Inputs) -> tuple[Tree, list[NDArray[Any]]]:
    named = [part.metadata[name] for name in (use.redshift, use.magnitude, use.size)]
    return part.tree, [part.votes, part.asked, part.n_classifications, *named]


def _share(votes: NDArray[np.int32], asked: NDArray[np.int32]) -> Floats:
    """Return shares; NaN where nobody was asked."""
    found = np.full(votes.shape, np.nan)
    np.divide(votes, asked, out=found, where=asked > 0)
    return found


def _ways(galaxies: Population) -> NDArray[np.float32]:
    """Return the product of the fractions on the way to each question, (N, Q)."""
    tree = galaxies.tree
    found = np.zeros(galaxies.asked.shape, np.float32)
    for start in range(0, len(found), _BLOCK):
        rows = slice(start, start + _BLOCK)
        asked = galaxies.asked[rows][:, layout(tree).question]
        found[rows] = reached(np.nan_to_num(_share(galaxies.votes[rows], asked)), tree)
    return found


def _within(galaxies: Population, use: Limits) -> Mask:
    """Return which galaxies have all that is needed, within the limits; NaN never is."""
    (nearest, farthest), (brightest, faintest) = use.redshift, use.magnitude
    found: Mask = (galaxies.redshift > nearest) & (galaxies.redshift < farthest)
    found &= (galaxies.magnitude > brightest) & (galaxies.magnitude < faintest)
    return found & (galaxies.size > 0) & np.isfinite(galaxies.size)


def _corrected(share: Floats, groups: Iterable[tuple[Places, Places, Places]]) -> Floats:
    """Return the corrected fractions of one question, (N, answers)."""
    found = np.full(share.shape, np.nan)
    for near, group, members in groups:
        for place, values in enumerate(share.T):
            found[members, place] = _shifted(values[members], values[group], values[near])
    return found


def _whole(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return shares, (N, answers), over their sums."""
    total = share.sum(axis=1, keepdims=True)
    whole = share.copy()
    np.divide(share, total, out=whole, where=total > 0)
    return whole


def _groups(
    galaxies: Population, teaches: Mask, takes: Mask, use: Limits
) -> Iterator[tuple[Places, Places, Places]]:
    """Yield galaxies near to us, a group of like ones farther away, and which are corrected by it.

    The near ones are a group too, which is corrected by itself: to what it is.
    """
    is_near = galaxies.redshift <= use.near
    points = np.stack([galaxies.magnitude, np.log10(np.where(takes | teaches, galaxies.size, 1))])
    near_all, rest = np.flatnonzero(teaches & is_near), np.flatnonzero(teaches | takes)
    if len(near_all) < use.group:
        return
    for near, others in _cells(points, near_all, rest, use.group):
        yield near, near, others[is_near[others] & takes[others]]
        far = others[~is_near[others]]
        learned = far[teaches[far]]
        learned = learned[np.argsort(galaxies.redshift[learned], kind="stable")]
        n_groups = len(learned) // use.group
        if not n_groups:
            continue
        groups = np.array_split(learned, n_groups)
        starts = [galaxies.redshift[group[0]] for group in groups]
        corrected = far[takes[far]]
        whose = np.searchsorted(starts[1:], galaxies.redshift[corrected], side="right")
        for place, group in enumerate(groups):
            yield near, group, corrected[whose == place]


def _cells(
    points: Floats, near: Places, others: Places, least: int, axis: int = 0
) -> Iterator[tuple[Places, Places]]:
    """Yield cells of near galaxies, halved by turns in each axis, and the others that lie in it.

    Args:
        points: (2, all galaxies); near, others: places in it.
    """
    middle = np.median(points[axis, near])
    below = points[axis, near] < middle
    if min(below.sum(), (~below).sum()) < least:
        yield near, others
        return
    beside = points[axis, others] < middle
    yield from _cells(points, near[below], others[beside], least, 1 - axis)
    yield from _cells(points, near[~below], others[~beside], least, 1 - axis)


def _shifted(values: Floats, group: Floats, near: Floats) -> Floats:
    """Return values at the same place in the near galaxies' distribution as in their group's."""
    if not len(values):
        return values
    ordered = np.sort(group)
    before = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    place = (before + upto) / 2 / len(ordered)
    found: Floats = np.quantile(near, np.clip(place, 0, 1), method="hazen")
    return found
