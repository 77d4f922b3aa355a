"""Histograms account for every galaxy, and the map has each in its cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.explore.histogram import histogram
from webapp.explore.sky_map import HEIGHT_PX, WIDTH_PX, mollweide, sky_map
from webapp.exports.column import Column, Kind

SHARE = Column("share", Kind.FLOAT64, "A share.", low=0, high=1)
COUNT = Column("count", Kind.INT32, "A count.", low=0)
ANY = Column("any", Kind.FLOAT64, "Anything.")
values = st.lists(st.floats(-1e12, 1e12) | st.just(float("nan")), max_size=60)


@settings(max_examples=200)
@given(values, st.sampled_from([SHARE, COUNT, ANY]))
def test_bins_and_what_lies_outside_and_what_is_unknown_are_all(some, column):
    found = histogram(column, np.array(some, float))
    assert found.n_total == len(some)
    assert found.n_unknown == sum(np.isnan(some)) if some else True
    assert list(found.edges) == sorted(set(found.edges))
    assert len(found.counts) == len(found.edges) - 1
    assert len(found.chart.columns) == len(found.counts)


def test_a_share_has_bins_of_a_twentieth_and_counts_whole_ones():
    found = histogram(SHARE, np.array([0.0, 0.05, 0.999, 1.0, np.nan]))
    assert found.bins[0] == ("0", "0.05", 1)
    assert found.bins[-1] == ("0.95", "1", 2)
    assert found.n_unknown == 1
    counts = histogram(COUNT, np.array([0, 3, 3, 41], float))
    assert all(float(edge).is_integer() for edge in counts.edges)
    assert counts.n_above == counts.n_below == 0


positions = st.lists(st.tuples(st.floats(0, 359.999), st.floats(-90, 90)), max_size=40)


@settings(max_examples=100)
@given(positions)
def test_every_position_is_in_one_cell_whose_cone_has_it(some):
    ra, dec = np.array(some).reshape(-1, 2).T
    drawn = sky_map(ra, dec)
    assert sum(cell.n for cell in drawn.cells) == len(some)
    for cell in drawn.cells:
        assert cell.cone.mask(ra, dec).sum() >= cell.n
        assert 0.25 <= cell.opacity <= 1


def test_unknown_positions_are_counted_and_points_are_few():
    ra = np.r_[np.nan, np.linspace(0, 359, 1500)]
    drawn = sky_map(ra, np.zeros(1501))
    assert (drawn.n_unknown, drawn.n_total, drawn.points) == (1, 1501, [])
    assert len(sky_map(ra[:900], np.zeros(900)).points) == 899


@pytest.mark.parametrize(("ra", "x"), [(0, 1.0), (90, 0.75), (180, 0.5), (360, 0.0)])
def test_east_is_left(ra, x):
    assert mollweide(np.array([ra]), np.array([0.0]))[0] == pytest.approx(WIDTH_PX * x + 4)


def test_the_projection_keeps_areas():
    """Half of the sky lies beyond 30° of latitude, so half of the map's height is not its place."""
    y = mollweide(np.array([180.0] * 3), np.array([90.0, 30.0, 0.0]))[1] - 4
    theta = np.arcsin(1 - 2 * y[1] / HEIGHT_PX)
    share = (2 * theta + np.sin(2 * theta)) / np.pi  # of the area, between the two parallels
    assert share == pytest.approx(np.sin(np.radians(30)), abs=2e-3)
    assert y[0] == pytest.approx(0, abs=0.5)
