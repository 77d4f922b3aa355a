"""Pictures that every model file is tried on before it serves, and what it must say of them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_GOLDEN = 4
# How far concentrations may be from those in the card: processors add in different orders.
_ABSOLUTE = {"float32": 0.02, "float16": 0.5}
_RELATIVE = {"float32": 2e-3, "float16": 2e-2}


@dataclass(frozen=True)
class Golden:
    """What a model said of `golden_images(seed, size_px)` when it was exported."""

    seed: int
    alpha: tuple[tuple[float, ...], ...]  # (4, K), five significant digits

    def deviation(self, alpha: NDArray[np.float32], precision: str) -> float:
        """Return the largest difference in units of what is tolerated: up to 1 is fine.

        Args:
            alpha: what the model says now, (4, K).
            precision: "float32" or "float16".
        """
        expected = np.asarray(self.alpha, dtype=np.float64)
        if alpha.shape != expected.shape:
            return float("inf")
        allowed = _ABSOLUTE[precision] + _RELATIVE[precision] * np.abs(expected)
        difference = np.abs(np.asarray(alpha, np.float64) - expected) / allowed
        return float(difference.max()) if np.isfinite(difference).all() else float("inf")


def golden_images(seed: int, size_px: int) -> NDArray[np.uint8]:
    """Return uint8 (4, size_px, size_px, 3): noise, black, white, and a galaxy-like glow.

    Made by a hash function and rational arithmetic, so no library's new version changes a pixel.
    """
    n_bytes = size_px * size_px * 3
    noise = np.frombuffer(
        hashlib.shake_256(f"golden:{seed}".encode()).digest(n_bytes), dtype=np.uint8
    ).reshape(size_px, size_px, 3)
    steps = np.arange(size_px, dtype=np.int64) * 2 - (size_px - 1)
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    glow = 255 * size_px**2 // (size_px**2 + 16 * squared)
    blob = np.repeat(glow[..., None], 3, axis=2).astype(np.uint8)
    return np.stack([noise, np.zeros_like(noise), np.full_like(noise, 255), blob])


def rounded(alpha: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """Return concentrations as a card holds them, five significant digits."""
    return tuple(tuple(float(f"{value:.5g}") for value in row) for row in alpha)
