"""What a network said of some pictures, as it is stored; no database and no network here."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Said:
    """What a network said of n pictures; NaN where it can say nothing, and `errors` says why."""

    concentrations: NDArray[np.float32]  # (n, K) calibrated, along its own tree
    ignorance: NDArray[np.float32]  # (n,) nats
    embedding: NDArray[np.float16]  # (n, 128)
    errors: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.errors)


def joined(parts: list[Said]) -> Said:
    """Return several batches as one."""

    def all_of(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Said(
        all_of("concentrations"),
        all_of("ignorance"),
        all_of("embedding"),
        tuple(error for part in parts for error in part.errors),
    )
