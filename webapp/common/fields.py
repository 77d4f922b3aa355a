"""Kinds of columns that Django does not have."""

from typing import Any

from django.db import models


class RealField(models.FloatField):  # type: ignore[type-arg]
    """A number of four bytes: tallies and concentrations of millions of galaxies are of these."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's own signature
        """Return PostgreSQL's name of the type."""
        return "real"
