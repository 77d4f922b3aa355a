"""Circles on the sky: every position inside is in one of the ranges of cells."""

from itertools import pairwise

import numpy as np
import pytest
from astropy import units
from astropy_healpix import healpix_to_lonlat, lonlat_to_healpix
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.subjects.cones import Cone, cell_centers, cell_radius, unit_vectors

CASES = [
    (0, 0, 0.1), (359.99, 0, 0.1), (0.001, -30, 1), (180, 90, 0.5), (10, -90, 0.01),
    (45, 89.9, 0.5), (123, 41.8, 20), (200, -41.8, 90), (10, 10, 180), (77, 5, 1 / 3600),
    (90, 45, 0.001 / 3600), (45, 0, 120), (0, 0, 0),
]  # fmt: skip


def around(cone: Cone, n: int, seed: int = 0):
    """Positions inside a cone, many of them close to its edge."""
    random = np.random.default_rng(seed)
    radius = np.radians(cone.radius_deg) * np.where(
        np.arange(n) % 2, np.sqrt(random.random(n)), 1 - 1e-7 * random.random(n)
    )
    angle = 2 * np.pi * random.random(n)
    center = unit_vectors(np.array([cone.ra_deg]), np.array([cone.dec_deg]))[0]
    east = np.array([-np.sin(np.radians(cone.ra_deg)), np.cos(np.radians(cone.ra_deg)), 0])
    north = np.cross(center, east)
    vectors = np.cos(radius)[:, None] * center + np.sin(radius)[:, None] * (
        np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    )
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
    return ra, np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))


def cells_of(ra, dec):
    return np.asarray(
        lonlat_to_healpix(ra * units.deg, dec * units.deg, nside=2**29, order="nested")
    )


def is_covered(cells, ranges):
    return np.logical_or.reduce([(cells >= first) & (cells < end) for first, end in ranges])


@pytest.mark.parametrize("order", [0, 1, 2, 5, 9, 20, 25])
def test_middles_of_cells_are_those_of_astropy(order):
    n = 12 * 4**order
    cells = np.unique(np.random.default_rng(1).integers(0, n, 2000))
    ra, dec = healpix_to_lonlat(cells, nside=2**order, order="nested")
    expected = unit_vectors(ra.deg, dec.deg)
    assert np.abs(cell_centers(cells, order) - expected).max() < 1e-12


@pytest.mark.parametrize("order", [0, 1, 3, 6])
def test_no_corner_is_farther_than_the_radius(order):
    cells = np.arange(12 * 4**order)
    middles = cell_centers(cells, order)
    for dx, dy in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        ra, dec = healpix_to_lonlat(cells, nside=2**order, dx=dx, dy=dy, order="nested")
        corner = unit_vectors(ra.deg, dec.deg)
        angles = 2 * np.arcsin(np.linalg.norm(corner - middles, axis=1) / 2)
        assert angles.max() <= cell_radius(order) + 1e-12


@pytest.mark.parametrize("case", CASES)
def test_ranges_hold_all_of_the_circle(case):
    cone = Cone(*case)
    assert is_covered(cells_of(*around(cone, 2000)), cone.ranges()).all()


@given(
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
    exponent=st.floats(-6, np.log10(180)),
)
@settings(max_examples=100, derandomize=True)
def test_any_circle_is_held_by_few_ranges(ra, dec, exponent):
    cone = Cone(ra, dec, 10**exponent)
    ranges = cone.ranges()
    assert is_covered(cells_of(*around(cone, 50)), ranges).all()
    assert len(ranges) < 200
    assert all(first < end for first, end in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def test_ranges_hold_little_more_than_the_circle():
    for radius in (0.01, 0.1, 1, 10):
        area = 2 * np.pi * (1 - np.cos(np.radians(radius)))
        cells = sum(end - first for first, end in Cone(150, 2, radius).ranges())
        assert cells * 4 * np.pi / (12 * 4**29) < 4 * area


def test_the_whole_sky_is_one_range():
    assert Cone(10, 20, 180).ranges() == [(0, 12 * 4**29)]


def test_inside_is_by_the_exact_angle():
    cone = Cone(359.9, 0, 0.2)
    held = cone.holds(np.array([0.0999, 0.1001, 359.7001, 179.9]), np.zeros(4))
    assert held.tolist() == [True, False, True, False]
