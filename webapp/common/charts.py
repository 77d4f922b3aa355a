"""Plots as the pages draw them: every mark with its place, in pixels; no database here."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH_PX, HEIGHT_PX = 640, 200
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 52, 8, 12, 28
GAP = 0.25  # of a column's place
SIDE_PX = 320  # of a square plot
WORDS_PX = 16  # room for the name of its upright axis
STEPS = (1, 2, 5)  # of a ruler: times a power of ten
N_TICKS = 4
QUARTERS = (0, 0.25, 0.5, 0.75, 1)
LEAST_RADIUS_PX, MOST_RADIUS_PX = 3.0, 12.0


@dataclass(frozen=True)
class Mark:
    """A tick of an axis and its words."""

    at: float
    words: str


@dataclass(frozen=True)
class Column:
    """A column, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Columns:
    """A chart of columns."""

    width: int
    height: int
    left: int
    right: float  # where the columns end
    ground: float  # where they stand
    columns: list[Column]
    ruler: list[Mark]  # heights, of which at is y
    names: list[Mark]  # of which at is x


@dataclass(frozen=True)
class Dot:
    """A point whose area says how many it stands for."""

    x: float
    y: float
    radius: float
    words: str


@dataclass(frozen=True)
class Square:
    """A plot of fractions against fractions."""

    side: int
    left: int
    top: int
    right: float
    ground: float
    middle: float
    dots: list[Dot]
    across: list[Mark]  # of which at is x
    up: list[Mark]  # of which at is y


def columns(values: Sequence[float], words: Sequence[str], names: dict[int, str]) -> Columns:
    """Return columns of these heights.

    Args:
        words: what each column stands for, with its value.
        names: which of them have their name under them.
    """
    ground, inner = HEIGHT_PX - BOTTOM_PX, WIDTH_PX - LEFT_PX - RIGHT_PX
    ruler = ticks(max(values, default=0))
    scale = (ground - TOP_PX) / ruler[-1]
    place = inner / max(len(values), 1)
    return Columns(
        width=WIDTH_PX,
        height=HEIGHT_PX,
        left=LEFT_PX,
        right=WIDTH_PX - RIGHT_PX,
        ground=ground,
        columns=[
            Column(
                x=round(LEFT_PX + place * (number + GAP / 2), 1),
                y=round(ground - value * scale, 1),
                width=round(place * (1 - GAP), 1),
                height=round(value * scale, 1),
                words=said,
            )
            for number, (value, said) in enumerate(zip(values, words, strict=True))
        ],
        ruler=[Mark(round(ground - value * scale, 1), f"{value:,}") for value in ruler],
        names=[
            Mark(round(LEFT_PX + place * (number + 0.5), 1), name) for number, name in names.items()
        ],
    )


def ticks(most: float) -> list[int]:
    """Return round numbers from 0 to the first that is no less than the highest value."""
    step, power = 1, 1
    while step * N_TICKS < most:
        for base in STEPS:
            step = base * power
            if step * N_TICKS >= most:
                break
        power *= 10
    count = max(1, -(-int(most + 0.999999) // step))
    return [step * number for number in range(count + 1)]


def square(points: Sequence[tuple[float, float, int]], words: Sequence[str]) -> Square:
    """Return a plot of points (expected, given, how many)."""
    left = LEFT_PX + WORDS_PX
    inner = SIDE_PX - left - RIGHT_PX
    ground = SIDE_PX - BOTTOM_PX - 12
    height = ground - TOP_PX
    most = max((n for _, _, n in points), default=1)
    return Square(
        side=SIDE_PX,
        left=left,
        top=TOP_PX,
        right=left + inner,
        ground=ground,
        middle=SIDE_PX / 2,
        dots=[
            Dot(
                x=round(left + expected * inner, 1),
                y=round(ground - given * height, 1),
                radius=round(max(LEAST_RADIUS_PX, MOST_RADIUS_PX * (n / most) ** 0.5), 1),
                words=said,
            )
            for (expected, given, n), said in zip(points, words, strict=True)
        ],
        across=[Mark(round(left + value * inner, 1), f"{value:g}") for value in QUARTERS],
        up=[Mark(round(ground - value * height, 1), f"{value:g}") for value in QUARTERS],
    )
