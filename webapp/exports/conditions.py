"""What one filter of a catalog says of one column; how it is written, and which values it keeps.

A number is a range, `0.2..0.8`, `0.2..` or `..0.8`, or one value, `3`. A text is one of some,
`strong|weak`, or none of them, `!strong|weak`; the text that says nothing is `""`.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from inference.errors import shown
from webapp.common.errors import DomainError
from webapp.exports.column import Column, Kind

EMPTY = '""'
NOT = "!"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_INSTANT = re.compile(r"[12]\d{3}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?", re.ASCII)
_PARTS = re.compile(r"(?:\\.|[^\\|]|\\$)+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
Mask = NDArray[np.bool_]


class NotAFilter(DomainError):
    """What was asked is no filter of this catalog."""


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts of N galaxies: a place in a list of the different ones for each."""

    codes: NDArray[Any]
    texts: NDArray[np.object_]

    @classmethod
    def of(cls, texts: NDArray[Any]) -> "Coded":
        """Return texts so, in the order in which the different ones come."""
        places: dict[str, int] = {}
        codes = (places.setdefault(text, len(places)) for text in texts)
        found = np.fromiter(codes, np.int32, len(texts))
        return cls(found, as_objects(places))

    def where(self, keeps: Callable[[str], bool]) -> Mask:
        """Return which galaxies have a text that is kept; each different one is asked once."""
        kept = np.array([keeps(text) for text in self.texts.tolist()], bool)
        found: Mask = kept[self.codes] if len(kept) else np.zeros(len(self.codes), bool)
        return found

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "Coded":
        return Coded(self.codes[rows], self.texts)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; infinite where there is no end."""

    column: str
    low: float
    high: float
    unit: str = ""

    @property
    def text(self) -> str:
        """How it is written."""
        low, high = plain(self.low), plain(self.high)
        return low if low and low == high else f"{low}..{high}"

    @property
    def words(self) -> str:
        """What it says."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.column} is {_between(plain(self.low), plain(self.high))}{unit}"

    def mask(self, values: NDArray[Any]) -> Mask:
        """Return which values it keeps; never one that is unknown."""
        with np.errstate(invalid="ignore"):
            found: Mask = (values >= self.low) & (values <= self.high)
        if values.dtype.kind == "i":
            found &= values != np.iinfo(values.dtype).min
        return found & ~np.isnan(values) if values.dtype.kind == "f" else found


@dataclass(frozen=True)
class Span:
    """Instants from low to high, each as exactly as it is written; "" where there is no end."""

    column: str
    low: str
    high: str
    unit: ClassVar[str] = ""

    @property
    def text(self) -> str:
        """How it is written."""
        return self.low if self.low == self.high else f"{self.low}..{self.high}"

    @property
    def words(self) -> str:
        """What it says."""
        return f"{self.column} is {_between(self.low, self.high)}"

    def mask(self, values: Any) -> Mask:
        """Return which values it keeps; a day is kept to its end."""
        low, high = self.low, self.high
        if not isinstance(values, Coded) and values.dtype.kind == "M":
            return self._among(values)
        return _coded(values).where(
            lambda text: bool(text) and text >= low and (not high or text[: len(high)] <= high)
        )

    def _among(self, values: NDArray[np.datetime64]) -> Mask:
        found: Mask = ~np.isnat(values)
        if self.low:
            found &= values >= np.datetime64(self.low)
        if self.high:
            end = np.datetime64(self.high)
            found &= values < end + 1  # of the unit that it is written to
        return found


@dataclass(frozen=True)
class OneOf:
    """Texts of a list, or all others."""

    column: str
    texts: tuple[str, ...]
    is_negated: bool = False

    @property
    def text(self) -> str:
        """How it is written."""
        return (NOT if self.is_negated else "") + "|".join(map(_escaped, self.texts))

    @property
    def words(self) -> str:
        """What it says."""
        texts = " or ".join(text or "empty" for text in self.texts)
        return f"{self.column} is {'not ' if self.is_negated else ''}{texts}"

    def mask(self, values: Any) -> Mask:
        """Return which values it keeps."""
        wanted = frozenset(self.texts)
        if not isinstance(values, Coded) and values.dtype.kind == "M":  # "" is all that is asked
            found: Mask = np.isnat(values) ^ self.is_negated
            return found
        return _coded(values).where(lambda text: (text in wanted) != self.is_negated)


Condition = Range | Span | OneOf


def read_condition(column: Column, text: str) -> Condition:
    """Return what a filter of a column says.

    Raises:
        NotAFilter: the text is none.
    """
    if column.kind is Kind.INSTANT and text not in (EMPTY, NOT + EMPTY):
        return _span(column, text)
    if column.kind.is_text:
        return _one_of(column, text)
    return _range(column, text)


def _range(column: Column, text: str) -> Range:
    low_text, high_text = _ends(text)
    low = _number(column, low_text, -math.inf)
    high = _number(column, high_text, math.inf)
    if low > high:
        raise NotAFilter(
            f"{column.name} cannot be from {plain(low)} to {plain(high)}: write the lower one "
            f"first, {plain(high)}..{plain(low)}."
        )
    _check_possible(column, low, high)
    return Range(column.name, low, high, column.unit)


def _check_possible(column: Column, low: float, high: float) -> None:
    if column.high is not None and low > column.high:
        raise NotAFilter(
            f"{column.name} is never above {plain(column.high)}, and {plain(low)} was asked for: "
            f"write a lower one."
        )
    if column.low is not None and high < column.low:
        raise NotAFilter(
            f"{column.name} is never below {plain(column.low)}, and {plain(high)} was asked for: "
            f"write a higher one."
        )


def _number(column: Column, text: str, missing: float) -> float:
    if not text:
        return missing
    if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
        raise NotAFilter(
            f"{column.name} is a number, and {shown(text)} is none: write a range, as in "
            f"{column.name}=0.2..0.8, or one end of it, as in {column.name}=0.2.."
        )
    return float(text) + 0.0


def _span(column: Column, text: str) -> Span:
    low, high = (end.removesuffix("Z") for end in _ends(text))
    for end in (low, high):
        if end and not _is_instant(end):
            raise NotAFilter(
                f"{column.name} is an instant, and {shown(end)} is none: write a range, as in "
                f"{column.name}=2026-01-01..2026-03-31."
            )
    if low and high and low > high and not low.startswith(high):
        raise NotAFilter(f"{column.name} cannot be from {low} to {high}: write the earlier first.")
    return Span(column.name, low, high)


def _is_instant(text: str) -> bool:
    try:
        np.datetime64(text)
    except ValueError:  # the 30th of February
        return False
    return _INSTANT.fullmatch(text) is not None


def _one_of(column: Column, text: str) -> OneOf:
    is_negated = text.startswith(NOT)
    parts = _PARTS.findall(text[1:] if is_negated else text)
    texts = (
        "" if part == EMPTY else re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts
    )
    found = tuple(sorted(set(texts)))
    if not found:
        raise NotAFilter(f'{column.name} is a text, and none was named: write "" for no text.')
    return OneOf(column.name, found, is_negated)


def _ends(text: str) -> tuple[str, str]:
    """Return the two ends of a range; a single value is both."""
    low, dots, high = text.strip().partition("..")
    return (low.strip(), high.strip()) if dots else (low, low)


def _escaped(text: str) -> str:
    """Return a text so that nothing in it is taken for a sign."""
    if not text:
        return EMPTY
    if text == EMPTY:
        return r"\"" + '"'
    plain_text = re.sub(r"([\\|])", r"\\\1", text)
    return f"\\{plain_text}" if plain_text.startswith(NOT) else plain_text


def plain(value: float) -> str:
    """Return a number in the fewest digits that say it; nothing for an infinite one."""
    if math.isinf(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _between(low: str, high: str) -> str:
    if low == high and low:
        return low
    if not high:
        return f"at least {low}" if low else "known"
    return f"{low} to {high}" if low else f"at most {high}"


def as_objects(texts: Iterable[str]) -> NDArray[np.object_]:
    """Return texts as an array of objects, an empty one of none."""
    found = list(texts)
    array = np.empty(len(found), object)
    array[:] = found
    return array


def _coded(values: "Coded | NDArray[Any]") -> Coded:
    return values if isinstance(values, Coded) else Coded.of(values)
