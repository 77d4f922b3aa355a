"""Bands of light to colors: percentile limits and asinh for one band, Lupton for more.

Lupton et al. 2004, PASP 116, 133: the stretch acts on the mean of the bands, and every band is
multiplied by the same factor, so a star keeps its color however bright it is.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Band = NDArray[np.float32]

# One band: these percentiles become black and white, the black not deeper than in color; the knee
# of asinh is at a tenth of the range, or above the noise of a sky that fills more of it.
_LOW_PERCENT, _HIGH_PERCENT, _KNEE, _MAX_KNEE = 1.0, 99.7, 0.1, 0.5
# Color, in units of the sky's noise: black, the knee of asinh, and the least that is white.
_BLACK_SIGMA, _KNEE_SIGMA, _WHITE_SIGMA = 1.5, 4.0, 60.0
_WHITE_PERCENT = 99.85
_SAMPLE_PX = 1_000_000  # limits are taken from every n-th pixel of a large picture


def recipe() -> dict[str, Any]:
    """Return the numbers of both stretches, so that others can make the same of the same light."""
    return {
        "one_band": {
            "stretch": "asinh",
            "low_percent": _LOW_PERCENT,
            "high_percent": _HIGH_PERCENT,
            "black_sigma_at_least": -_BLACK_SIGMA,
            "knee_share_of_range": [_KNEE, _MAX_KNEE],
            "knee_sigma": _KNEE_SIGMA,
        },
        "two_or_more_bands": {
            "stretch": "Lupton et al. 2004, PASP 116, 133",
            "black_sigma": -_BLACK_SIGMA,
            "knee_sigma": _KNEE_SIGMA,
            "white_percent": _WHITE_PERCENT,
            "white_sigma_at_least": _WHITE_SIGMA,
        },
        "sample_px": _SAMPLE_PX,
    }


def gray(band: Band) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3) of one band (H, W), any unit; a constant band is mid-gray.

    A pixel without a value (NaN) gets the median.
    """
    median, noise = _sky(band)
    filled = np.where(np.isfinite(band), band, np.float32(median))
    low, high = _limits(filled, floor=median - _BLACK_SIGMA * noise)
    if high <= low:
        return np.full((*band.shape, 3), 128, np.uint8)
    span = high - low
    share = (np.clip(filled, low, high) - np.float32(low)) / np.float32(span)
    knee = np.float32(min(max(_KNEE_SIGMA * noise / span, _KNEE), _MAX_KNEE))
    level = np.arcsinh(share / knee) / np.arcsinh(1 / knee)
    return np.repeat(_to_bytes(level)[..., None], 3, axis=2)


def color(bands: Sequence[Band], weights: Sequence[float] | None = None) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3) of two or more bands (H, W), bluest first.

    A pixel without a value (NaN) in some bands gets the mean of the others, so it is gray there
    instead of a color that nobody measured; without any it gets the sky.

    Args:
        weights: factor of each band; without it each is divided by the noise of its sky.
    """
    if weights is None:
        weights = [1 / (_sky(band)[1] or 1.0) for band in bands]
    scaled = [
        (band - np.float32(_sky(band)[0])) * np.float32(weight)
        for band, weight in zip(bands, weights, strict=True)
    ]
    _fill(scaled)
    light = np.stack(_three(scaled)[::-1])  # red first
    mean = light.mean(axis=0)
    _, noise = _sky(mean)
    white = float(np.percentile(_sample(mean), _WHITE_PERCENT))
    noise = noise or max(white, 0.0) / _WHITE_SIGMA or 1.0
    return _lupton(light, noise, max(white, _WHITE_SIGMA * noise))


def _fill(bands: list[Band]) -> None:
    """Fill NaN in place by the mean of the bands that have a value there, else by 0, the sky."""
    holes = [np.isnan(band) for band in bands]
    if not any(hole.any() for hole in holes):
        return
    total = np.zeros_like(bands[0])
    n_known = np.zeros(bands[0].shape, np.float32)
    for band, hole in zip(bands, holes, strict=True):
        total += np.where(hole, np.float32(0), band)
        n_known += ~hole
    total /= np.maximum(n_known, 1)
    for band, hole in zip(bands, holes, strict=True):
        band[hole] = total[hole]


def _lupton(light: NDArray[np.float32], noise: float, white: float) -> NDArray[np.uint8]:
    offset, knee = np.float32(_BLACK_SIGMA * noise), np.float32(_KNEE_SIGMA * noise)
    np.maximum(light + offset, 0, out=light)
    mean = light.mean(axis=0)
    level = np.arcsinh(mean / knee) / np.arcsinh((np.float32(white) + offset) / knee)
    light *= level / np.maximum(mean, np.float32(noise * 1e-6))
    light /= np.maximum(light.max(axis=0), 1)
    return np.ascontiguousarray(np.moveaxis(_to_bytes(light), 0, 2))


def _three(bands: list[Band]) -> list[Band]:
    """Two bands get their mean between them; more than three are averaged in three groups."""
    if len(bands) == 2:
        return [bands[0], (bands[0] + bands[1]) * np.float32(0.5), bands[1]]
    edges = [round(len(bands) * third / 3) for third in range(4)]
    return [_mean(bands[a:b]) for a, b in pairwise(edges)]


def _mean(bands: list[Band]) -> Band:
    return bands[0] if len(bands) == 1 else np.mean(bands, axis=0, dtype=np.float32)


def _limits(band: Band, floor: float) -> tuple[float, float]:
    low, high = np.percentile(_sample(band), [_LOW_PERCENT, _HIGH_PERCENT])
    if high <= low:  # a mask, or one bright spot on nothing
        low, high = band.min(), band.max()
    return min(max(float(low), floor), float(high)), float(high)


def _sky(band: Band) -> tuple[float, float]:
    """Median, and 1.4826 times the median absolute deviation, of the pixels with a value."""
    sample = _sample(band)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 0.0
    median = np.median(sample)
    return float(median), 1.4826 * float(np.median(np.abs(sample - median)))


def _sample(band: Band) -> Band:
    return band.ravel()[:: max(1, band.size // _SAMPLE_PX)]


def _to_bytes(level: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(level, 0, 1) * 255 + 0.5, dtype=np.uint8)
