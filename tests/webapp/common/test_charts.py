"""Charts: every mark stands where its value is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.common import charts


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (18, [0, 5, 10, 15, 20]),
        (800, [0, 200, 400, 600, 800]),
        (801, [0, 500, 1000]),
    ],
)
def test_a_ruler_has_round_numbers_up_to_the_highest(most, expected):
    assert charts.ticks(most) == expected


@given(st.integers(0, 10**9))
def test_a_ruler_reaches_the_highest_with_few_steps(most):
    ruler = charts.ticks(most)
    assert ruler[0] == 0
    assert ruler[-1] >= most
    assert 2 <= len(ruler) <= charts.N_TICKS + 1


def test_columns_stand_on_the_ground_and_reach_their_value():
    drawn = charts.columns([0, 5, 10], ["none", "five", "ten"], {2: "last"})
    none, five, ten = drawn.columns
    assert none.height == 0
    assert ten.height == pytest.approx(2 * five.height, abs=0.2)
    assert all(one.y + one.height == pytest.approx(drawn.ground, abs=0.2) for one in drawn.columns)
    assert ten.y == pytest.approx(drawn.ruler[-1].at, abs=0.2)
    assert five.words == "five"
    (name,) = drawn.names
    assert name.at == pytest.approx(ten.x + ten.width / 2, abs=0.2)
    assert drawn.left <= none.x
    assert ten.x + ten.width <= drawn.right


def test_no_columns_are_a_ground_with_a_ruler():
    assert charts.columns([], [], {}).columns == []


def test_a_dot_on_the_diagonal_lies_on_the_diagonal():
    drawn = charts.square([(0, 0, 1), (1, 1, 4), (0.5, 0.25, 1)], ["a", "b", "c"])
    low, high, under = drawn.dots
    assert (low.x, low.y) == (drawn.left, drawn.ground)
    assert (high.x, high.y) == (drawn.right, drawn.top)
    assert high.radius == 2 * low.radius  # four times the area
    assert under.y == pytest.approx(drawn.up[1].at)
    assert under.x == pytest.approx(drawn.across[2].at)
