"""Kinds of columns that Django does not have."""

import struct
from typing import Any

from django.db import models

_REAL = struct.Struct("f")


class RealField(models.FloatField):  # type: ignore[type-arg]
    """A number of four bytes: tallies and concentrations of millions of galaxies are of these."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's own signature
        """Return PostgreSQL's name of the type."""
        return "real"

    def from_db_value(self, value: float | None, *_: Any) -> float | None:
        """Return the very number that is stored.

        PostgreSQL writes only as many digits as tell two reals apart, so 1.14453125 comes as
        1.1445312; sums of weights, which are exact, would be so no more.
        """
        return None if value is None else float(_REAL.unpack(_REAL.pack(value))[0])
