"""What a cone search is asked for: RA, DEC and SR in degrees, and how wide the table shall be."""

import math
import re
from dataclasses import dataclass

from django.http import QueryDict

from inference.errors import shown
from webapp.common.errors import DomainError
from webapp.subjects.cones import Cone

RANGES = {"RA": (0, 360), "DEC": (-90, 90), "SR": (0, 180)}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


class NotASearch(DomainError):
    """A cone search with something missing, doubled, or out of range."""


@dataclass(frozen=True)
class Search:
    """A cone search.

    Attributes:
        verbosity: 1 the least columns, 2 the useful ones, 3 all.
        most: rows, or None for the site's own limit.
    """

    cone: Cone
    verbosity: int = 2
    most: int | None = None

    @classmethod
    def parse(cls, query: QueryDict) -> "Search":
        """Read the parameters, whose names are written in any case; unknown ones mean nothing.

        Raises:
            NotASearch: the sentence names the value and the remedy.
        """
        given = _given(query)
        ra_deg, dec_deg, radius_deg = (_degrees(name, given.get(name)) for name in RANGES)
        verbosity = given.get("VERB", "2")
        if verbosity not in ("1", "2", "3"):
            raise NotASearch(f"VERB={shown(verbosity)} is none of 1, 2 and 3: choose one.")
        most = given.get("MAXREC")
        if most is not None and not _COUNT.fullmatch(most):
            raise NotASearch(f"MAXREC={shown(most)} is no number of rows: give a whole number.")
        cone = Cone(ra_deg % 360, dec_deg, radius_deg)
        return cls(cone, int(verbosity), None if most is None else int(most))

    @property
    def wants_rows(self) -> bool:
        """False if only the columns are asked for."""
        return self.cone.radius_deg > 0 and self.most != 0


def _given(query: QueryDict) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, values in query.lists():
        known = name.upper()
        if known not in (*RANGES, "VERB", "MAXREC"):
            continue
        if known in given or len(values) > 1:
            raise NotASearch(f"{known} is given more than once: give it once.")
        given[known] = values[0].strip()
    return given


def _degrees(name: str, words: str | None) -> float:
    if not words:
        raise NotASearch(f"{name} is missing: a search needs RA, DEC and SR in decimal degrees.")
    if not _NUMBER.fullmatch(words) or not math.isfinite(float(words)):
        raise NotASearch(f"{name}={shown(words)} is no number: give decimal degrees.")
    low, high = RANGES[name]
    if not low <= float(words) <= high:
        raise NotASearch(f"{name}={shown(words)} is outside {low} to {high} degrees: correct it.")
    return float(words)
