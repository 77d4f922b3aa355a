"""Kinds of columns that Django does not have, and columns by name."""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


def plain_row(model: type[Row], condition: str, values: Sequence[object]) -> Row | None:
    """Return the first row of a table that meets a condition, or None.

    Django takes longer to write such a statement than PostgreSQL to run it: what every page asks
    for is asked in words of its own.
    """
    table = model._meta.db_table  # noqa: SLF001 - documented
    query = f"SELECT {columns_of(model)} FROM {table} WHERE {condition}"  # noqa: S608 - no input
    manager = model._default_manager  # noqa: SLF001 - documented
    return next(iter(manager.raw(query, list(values))), None)


@cache
def columns_of(model: type[models.Model]) -> str:
    """Return a table's columns for a statement of one's own, instead of `*`.

    While a newer version adds a column, PostgreSQL refuses every prepared `*` ("cached plan must
    not change result type"): the older processes would answer 500 once a connection.
    """
    table = model._meta.db_table  # noqa: SLF001 - documented
    fields = model._meta.concrete_fields  # noqa: SLF001 - documented
    return ", ".join(f'"{table}"."{field.column}"' for field in fields)


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
