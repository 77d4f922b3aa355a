"""Curves as the pages draw them: every point with its place, in pixels; no database here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.common.charts import (
    BOTTOM_PX,
    HEIGHT_PX,
    LEFT_PX,
    RIGHT_PX,
    STEPS,
    TOP_PX,
    WIDTH_PX,
    Dot,
    Mark,
)

N_TICKS = 4
MOST_NAMES = 8  # under the curve
MOST_DOTS = 60  # with more, points are no help to the eye
DOT_PX = 3.0
_ROUNDING = 1e-6  # of a step: 2.34 is 117 steps of 0.02, and not 116.99999999999999

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """One line; `d` is the path of SVG, and gaps are where values are missing."""

    name: str
    d: str
    dots: list[Dot]
    is_dashed: bool


@dataclass(frozen=True)
class Curves:
    """A plot of lines over the same axis."""

    width: int
    height: int
    left: int
    right: float
    ground: float
    lines: list[Curve]
    ruler: list[Mark]  # of which at is y
    names: list[Mark]  # of which at is x


def curves(series: Sequence[tuple[str, Points]], *, last_x: float) -> Curves | None:
    """Return a plot of lines, None where there is nothing to draw.

    Args:
        series: each line's name and its points (x from 1, y), ascending; the first is drawn whole,
            the others dashed, so that nobody needs the color.
        last_x: where the axis ends.
    """
    values = [y for _, points in series for _, y in points]
    if not values:
        return None
    ruler = steps(min(values), max(values))
    right, ground = WIDTH_PX - RIGHT_PX, HEIGHT_PX - BOTTOM_PX
    inner, span = right - LEFT_PX, ruler[-1] - ruler[0]

    def across(x: float) -> float:
        return round(LEFT_PX + inner * (x - 1) / max(last_x - 1, 1), 1)

    def up(y: float) -> float:
        return round(ground - (ground - TOP_PX) * (y - ruler[0]) / span, 1)

    return Curves(
        width=WIDTH_PX,
        height=HEIGHT_PX,
        left=LEFT_PX,
        right=right,
        ground=ground,
        lines=[
            Curve(
                name=name,
                d="".join(
                    f"{'L' if number else 'M'}{across(x)} {up(y)}"
                    for number, (x, y) in enumerate(points)
                ),
                dots=[Dot(across(x), up(y), DOT_PX, f"{name}, {x:g}: {y:.4g}") for x, y in points]
                if len(points) <= MOST_DOTS
                else [],
                is_dashed=place > 0,
            )
            for place, (name, points) in enumerate(series)
        ],
        ruler=[Mark(up(value), f"{value:.10g}") for value in ruler],
        names=[Mark(across(x), f"{x:,}") for x in whole_steps(last_x)],
    )


def steps(least: float, most: float) -> list[float]:
    """Return at least two round numbers, of which the first and the last enclose the values."""
    if most <= least:
        room = abs(least) / 10 or 1.0
        least, most = least - room, most + room
    power = 10.0 ** math.floor(math.log10((most - least) / N_TICKS))
    step = next(
        base * power for base in (*STEPS, 10, 20) if (most - least) / (base * power) <= N_TICKS
    )
    first, last = math.floor(least / step + _ROUNDING), math.ceil(most / step - _ROUNDING)
    return [round(step * number, 12) for number in range(first, last + 1)]


def whole_steps(last: float) -> list[int]:
    """Return the whole numbers that are named from 1 on."""
    step = max(1, -(-int(last) // MOST_NAMES))
    return [1, *range(step, int(last) + 1, step)] if step > 1 else list(range(1, int(last) + 1))
