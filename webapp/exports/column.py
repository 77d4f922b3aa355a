"""What is known of one column, before any of its values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


class Kind(StrEnum):
    """What a column holds.

    No kind has nulls. An unknown fraction is NaN, no text is "", and a three-state boolean (INT16)
    is 1, 0 or -1 for unknown. The least value of an integer type stands for none.
    """

    TEXT = "text"
    INT64 = "int64"
    INT32 = "int32"
    INT16 = "int16"
    FLOAT64 = "float64"
    FLOAT32 = "float32"
    INSTANT = "instant"  # "2026-11-26T10:00:00.000000Z", UTC; "" for none

    @property
    def is_text(self) -> bool:
        """Say whether its values are str objects."""
        return self in (Kind.TEXT, Kind.INSTANT)

    @property
    def is_float(self) -> bool:
        """Say whether its unknown values are NaN."""
        return self in (Kind.FLOAT64, Kind.FLOAT32)

    @property
    def dtype(self) -> DTypeLike:
        """The type of its arrays."""
        return np.dtype(object) if self.is_text else np.dtype(str(self))


@dataclass(frozen=True)
class Column:
    """A column of the dictionary, which every file, page and service takes its words from.

    Attributes:
        unit: as the IVOA writes it; "" for none.
        ucd, ucd1: what it is, in the IVOA's words and in the older ones of Simple Cone Search.
        null: how an unknown value is written, in words; "" where there is none.
        low, high: the least and the highest value that it can have.
        display: how a table shows it, as a FITS TDISP: A24, I10, F8.5.
        since: the version of the software that had it first.
        gz_name: what Galaxy Zoo's own catalogs call it; "" where they have no name for it.
        family: what its values are computed from; the same for every question and answer.
        question, answer: indices in the tree of what it is about.
        source: the survey's own name of a metadata column.
        n_choices: answers of the single choice that it is about; 0 of anything else.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    ucd: str = ""
    ucd1: str = ""
    null: str = ""
    low: float | None = None
    high: float | None = None
    display: str = ""
    since: str = "0.1.0"
    gz_name: str = ""
    group: str = ""
    family: str = ""
    question: int | None = None
    answer: int | None = None
    source: str = ""
    n_choices: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what the data dictionary says of it."""
        return {
            "name": self.name,
            "type": str(self.kind),
            "unit": self.unit,
            "ucd": self.ucd,
            "ucd1": self.ucd1,
            "description": self.description,
            "null": self.null,
            "low": self.low,
            "high": self.high,
            "display": self.display,
            "since": self.since,
            "galaxy_zoo_name": self.gz_name or self.name,
        }
