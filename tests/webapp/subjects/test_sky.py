"""Positions as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.subjects import sky
from webapp.subjects.rows import RowRefused


@given(st.floats(0, 359.999), st.floats(-90, 90))
def test_degrees_come_through_and_lie_in_one_cell(ra_deg, dec_deg):
    assert sky.position(f" {ra_deg!r} ", repr(dec_deg)) == (ra_deg, dec_deg)
    assert 0 <= sky.healpix(ra_deg, dec_deg) < 12 * 4**29


def test_the_full_circle_is_zero_and_empty_is_none():
    assert sky.position("360", "-90") == (0.0, -90.0)
    assert sky.position(" ", "") is None


def test_a_cell_of_the_catalogs_is_ours():
    # Cells of order 29 nest in those of order 0: the north pole's first base cell is 0 to 3.
    assert sky.healpix(45.0, 90.0) == 4**29 - 1
    assert sky.healpix(0.0, 0.0) >> 58 == 4


@pytest.mark.parametrize(
    ("ra", "dec", "words"),
    [
        ("12:30:45", "1", "in hours"),
        ("12h30m45.1s", "1", "in hours"),
        ("12 30 45", "1", "in hours"),
        ("1", "-12:30:45", "degrees, minutes and seconds"),
        ("-0.1", "1", "outside 0 to 360"),
        ("360.1", "1", "outside 0 to 360"),
        ("1", "91", "outside -90 to 90"),
        ("nan", "1", "no number"),
        ("1e999", "1", "outside"),
        ("1", "-inf", "no number"),
        ("1_0", "1", "no number"),
        ("\u0661", "1", "no number"),
        ("1,5", "1", "decimal comma"),
        ("1", "", "alone"),
    ],
)
def test_what_is_no_position_is_refused_with_its_value(ra, dec, words):
    with pytest.raises(RowRefused, match=words):
        sky.position(ra, dec)
