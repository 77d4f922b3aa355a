"""Names of galaxies that are made of their positions."""

import numpy as np
from numpy.typing import NDArray

# Of what is read out of a decimal number: 1.1 hours are 3,959.9999… seconds.
_SLACK = 1e-6
_DAY_S = 86_400


def iau_names(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return names such as J112953.88-000427.4, (N,); "" where a position is NaN.

    They are cut off and not rounded, as the International Astronomical Union asks.

    Args:
        ra, dec: degrees, (N,).
    """
    found = np.full(len(ra), "", object)
    is_known = ~(np.isnan(ra) | np.isnan(dec))
    found[is_known] = _names(ra[is_known], dec[is_known])
    return found


def _names(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.object_]:
    hundredths = np.floor(ra / 15 * 3600 * 100 + _SLACK).astype(np.int64) % (_DAY_S * 100)
    tenths = np.floor(np.abs(dec) * 3600 * 10 + _SLACK).astype(np.int64)
    codes = np.full((len(ra), 19), ord("."), np.uint32)
    codes[:, 0] = ord("J")
    codes[:, 1:7] = _clock(hundredths // 100)
    codes[:, 8:10] = _digits(hundredths % 100, 2)
    codes[:, 10] = np.where(np.signbit(dec), ord("-"), ord("+"))
    codes[:, 11:17] = _clock(tenths // 10)
    codes[:, 18:] = _digits(tenths % 10, 1)
    texts: NDArray[np.object_] = codes.view("U19")[:, 0].astype(object)
    return texts


def _clock(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the characters of hhmmss, (N, 6)."""
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return np.hstack([_digits(part, 2) for part in parts])


def _digits(values: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return the characters of whole numbers with zeros in front, (N, width)."""
    powers = 10 ** np.arange(width - 1, -1, -1)
    found: NDArray[np.int64] = values[:, None] // powers % 10 + ord("0")
    return found
