"""The probability that an answer leads its question, given a Dirichlet.

Shares of a Dirichlet are independent gamma variables over their sum, so an answer leads where its
gamma is the highest. Of two answers that is a Beta's tail. Of more it is the integral of the
others' distribution functions over the answer's own, by Gauss-Legendre at its quantiles.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_AT, _WEIGHT = (_NODES + 1) / 2, _WEIGHTS / 2
_HERMITE, _raw = np.polynomial.hermite_e.hermegauss(9)
_HERMITE_WEIGHT = _raw / _raw.sum()
_LEAST_NORMAL, _MARGIN = 0.5, 0.01
_BLOCK = 20_000  # galaxies at once
_ROUNDING = 1e-300  # a quantile of a tiny concentration rounds to 0


def lead_probabilities(alpha: NDArray[np.floating[Any]]) -> Floats:
    """Return the probability that each answer has the highest share, (N, answers); sums to 1.

    Right to 1e-4 for concentrations from 0.02 to 10,000.

    Args:
        alpha: concentrations, (N, answers).
    """
    values: Floats = np.asarray(alpha, np.float64)
    if values.shape[1] == 1:
        return np.ones_like(values)
    if values.shape[1] == 2:
        first = pair_probability(values[:, 0], values[:, 1])
        return np.stack([first, 1 - first], axis=1)
    found = np.empty_like(values)
    for start in range(0, len(values), _BLOCK):
        rows = slice(start, start + _BLOCK)
        found[rows] = _by_quantiles(values[rows])
    return found


def pair_probability(alpha: Floats, other: Floats) -> Floats:
    """Return the probability that one answer has a higher share than another one.

    Of their two shares, the first over the sum is Beta(alpha, other).
    """
    found: Floats = special.betaincc(alpha, other, 0.5)
    return found


def _by_quantiles(alpha: Floats) -> Floats:
    found = np.empty_like(alpha)
    for answer in range(alpha.shape[1]):
        own = alpha[:, answer, None]
        level = np.maximum(special.gammaincinv(own, _AT), _ROUNDING)  # (n, nodes)
        below = np.ones_like(level)
        for other in range(alpha.shape[1]):
            if other != answer:
                below *= special.gammainc(alpha[:, other, None], level)
        found[:, answer] = below @ _WEIGHT
    total: Floats = found / found.sum(axis=1, keepdims=True)
    return total


def is_leading(alpha: NDArray[np.floating[Any]], probability: float) -> NDArray[np.bool_]:
    """Return where the answer with the most concentration leads with this probability, (N,).

    The cube root of a gamma variable is nearly normal (Wilson and Hilferty 1931); for
    concentrations of 0.5 or more, what follows from that is right to _MARGIN. It decides nearly
    all; the exact integral is for those as near to the threshold as that.

    Args:
        alpha: concentrations, (N, answers).
        probability: 0 to 1.
    """
    values: Floats = np.asarray(alpha, np.float64)
    found = np.zeros(len(values), bool)
    open_ = np.arange(len(values))
    for probe in (_by_pairs, _by_normals):
        is_near = values[open_].min(axis=1) < _LEAST_NORMAL
        low, high = probe(values[open_])
        found[open_] = low - _MARGIN >= probability
        is_near |= (low - _MARGIN < probability) & (high + _MARGIN >= probability)
        open_ = open_[is_near]
    exact = lead_probabilities(values[open_])
    best = values[open_].argmax(axis=1)
    found[open_] = exact[np.arange(len(exact)), best] >= probability
    return found


def _by_pairs(alpha: Floats) -> tuple[Floats, Floats]:
    """Return bounds of the probability that the most concentrated answer leads, (N,) each.

    It leads no more often than it beats any one of the others, and fails no more often than the
    others beat it, summed.
    """
    mean, variance = _cube_root(alpha)
    here, best = np.arange(len(alpha)), alpha.argmax(axis=1)
    apart = mean[here, best][:, None] - mean
    loses = special.ndtr(-apart / np.sqrt(variance[here, best][:, None] + variance))
    loses[here, best] = 0.0
    return 1 - loses.sum(axis=1), 1 - loses.max(axis=1)


def _by_normals(alpha: Floats) -> tuple[Floats, Floats]:
    """Return the probability that the most concentrated answer leads, (N,), twice."""
    mean, variance = _cube_root(alpha)
    here, best = np.arange(len(alpha)), alpha.argmax(axis=1)
    center, spread = mean[here, best], np.sqrt(variance[here, best])
    scale = 1 / np.sqrt(variance)
    found = np.zeros(len(alpha))
    for at, weight in zip(_HERMITE, _HERMITE_WEIGHT, strict=True):
        below = special.ndtr(((center + spread * at)[:, None] - mean) * scale)
        below[here, best] = 1.0
        found += weight * below.prod(axis=1)
    return found, found


def _cube_root(alpha: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the cube root of gamma variables."""
    root = np.cbrt(alpha)
    return root * (1 - 1 / (9 * alpha)), 1 / (9 * root)
