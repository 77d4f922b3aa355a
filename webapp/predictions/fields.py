"""The column of embeddings: pgvector's half-precision vectors."""

from typing import Any

import numpy as np
from django.db import models
from numpy.typing import NDArray


class HalfVectorField(models.Field):  # type: ignore[type-arg]
    """A vector of 16-bit numbers, float32 (n,) in Python."""

    def __init__(self, *args: Any, dimensions: int, **options: Any) -> None:
        """Make a column of vectors of one length."""
        self.dimensions = dimensions
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Return what a migration writes down."""
        name, path, args, options = super().deconstruct()
        return name, path, args, options | {"dimensions": self.dimensions}

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's own signature
        """Return PostgreSQL's name of the type."""
        return f"halfvec({self.dimensions})"

    def from_db_value(self, value: Any, *_: Any) -> NDArray[np.float32] | None:
        """Return a stored vector."""
        return None if value is None else parsed(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Return a vector as PostgreSQL reads it."""
        return None if value is None else as_text(value)


def parsed(text: str) -> NDArray[np.float32]:
    """Return a vector that PostgreSQL wrote as "[1,2,3]"."""
    return np.array(text[1:-1].split(","), np.float32)


def as_text(values: NDArray[np.floating]) -> str:
    """Return a vector as PostgreSQL reads it."""
    return "[" + ",".join(map(repr, np.asarray(values, np.float32).tolist())) + "]"
