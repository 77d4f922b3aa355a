"""Curves: where each point is drawn, and rulers of round numbers."""

import pytest

from webapp.dashboard.curves import curves, steps, whole_steps


def test_points_lie_between_the_first_and_the_last_tick():
    plot = curves([("held out", [(1, 2.0), (2, 1.0)]), ("learned", [(1, 1.5)])], last_x=4)
    assert plot.ruler[0].words == "1"
    held, learned = plot.lines
    assert held.d == f"M{plot.left:.1f} {plot.ruler[-1].at}L{held.dots[1].x} {plot.ground:.1f}"
    assert plot.left < held.dots[1].x < plot.right
    assert (held.is_dashed, learned.is_dashed) == (False, True)
    assert held.dots[0].words == "held out, 1: 2"


def test_nothing_to_draw_is_no_plot():
    assert curves([("held out", []), ("learned", [])], last_x=3) is None


def test_a_single_epoch_and_a_constant_line_are_drawn():
    plot = curves([("held out", [(1, 2.0)])], last_x=1)
    assert plot.lines[0].d.startswith(f"M{plot.left:.1f} ")
    assert len(plot.ruler) >= 2


def test_many_points_have_no_dots():
    plot = curves([("loss", [(x, 1 / x) for x in range(1, 200)])], last_x=199)
    assert plot.lines[0].dots == []
    assert plot.lines[0].d.count("L") == 198


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (1.3, 2.6, [1, 1.5, 2, 2.5, 3]),
        (2.34, 2.39, [2.34, 2.36, 2.38, 2.4]),
        (-5, 5, [-5, 0, 5]),
        (7, 7, [6, 6.5, 7, 7.5, 8]),
        (0, 0, [-1, -0.5, 0, 0.5, 1]),
        (1e-4, 4e-3, [0, 0.001, 0.002, 0.003, 0.004]),
    ],
)
def test_rulers_have_round_numbers_around_the_values(least, most, expected):
    found = steps(least, most)
    assert found[0] <= least
    assert most <= found[-1]
    assert 2 <= len(found) <= 7
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("last", [1, 2, 8, 9, 40, 1000])
def test_few_epochs_are_named_and_the_first_always(last):
    found = whole_steps(last)
    assert found[0] == 1
    assert found[-1] <= last
    assert len(found) <= 9
    assert found == sorted(set(found))
