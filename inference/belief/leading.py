"""The probability that an answer leads its question, given a Dirichlet.

Shares of a Dirichlet are independent gamma variables over their sum, so an answer leads where its
gamma is the highest. Of two answers that is a Beta's tail. Of more it is the integral over one
answer's density times the others' distribution functions. All integrals of a question share one
grid: the quantiles, at even steps of a normal variable, of the answer with the most concentration.
Its distribution is the narrowest in the logarithm and lies highest, so along that grid every
integrand is smooth and ends where the grid ends, and the plain sum converges faster than any power
of the step (Trefethen and Weideman 2014).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_STEPS = np.linspace(-6, 6, 25)  # of a standard normal variable
_WEIGHT = np.exp(-(_STEPS**2) / 2) / np.sqrt(2 * np.pi) * (_STEPS[1] - _STEPS[0])
_LOWER, _UPPER = special.ndtr(_STEPS[_STEPS < 0]), special.ndtr(-_STEPS[_STEPS >= 0])
_LOG_LOWER = special.log_ndtr(_STEPS)
_LEAST_LEVEL = 1e-200  # below it a quantile may round to 0, and its logarithm has a closed form

_HERMITE, _raw = np.polynomial.hermite_e.hermegauss(9)
_HERMITE_WEIGHT = _raw / _raw.sum()
_LEAST_NORMAL, _MARGIN = 0.5, 0.01
_BLOCK = 5_000  # galaxies at once


def lead_probabilities(alpha: NDArray[np.floating[Any]]) -> Floats:
    """Return the probability that each answer has the highest share, (N, answers); sums to 1.

    Right to 1e-8 for concentrations from 0.02 to 10,000.

    Args:
        alpha: concentrations, (N, answers).
    """
    values: Floats = np.asarray(alpha, np.float64)
    if values.shape[1] == 1:
        return np.ones_like(values)
    if values.shape[1] == 2:
        first = pair_probability(values[:, 0], values[:, 1])
        return np.stack([first, 1 - first], axis=1)
    return _in_blocks(_integrals, values)


def pair_probability(alpha: Floats, other: Floats) -> Floats:
    """Return the probability that one answer has a higher share than another one.

    Of their two shares, the first over the sum is Beta(alpha, other).
    """
    found: Floats = special.betaincc(alpha, other, 0.5)
    return found


def is_leading(alpha: NDArray[np.floating[Any]], probability: float) -> NDArray[np.bool_]:
    """Return where the answer with the most concentration leads with this probability, (N,).

    Bounds from normal variables decide nearly all; exact is what lies between them.

    Args:
        alpha: concentrations, (N, answers).
        probability: 0 to 1.
    """
    ordered: Floats = np.sort(np.asarray(alpha, np.float64), axis=1)
    if ordered.shape[1] == 1:
        return np.ones(len(ordered), bool)
    found = np.zeros(len(ordered), bool)
    open_ = np.arange(len(ordered))
    for bounds in (_by_pairs,) if ordered.shape[1] == 2 else (_by_pairs, _by_normals):
        low, high = bounds(ordered[open_])
        found[open_] = low >= probability
        open_ = open_[(low < probability) & (high >= probability)]
        if not len(open_):
            return found
    found[open_] = _exact(ordered[open_]) >= probability
    return found


def _exact(ordered: Floats) -> Floats:
    if ordered.shape[1] == 2:
        return pair_probability(ordered[:, 1], ordered[:, 0])
    return _in_blocks(_of_last, ordered)


def _in_blocks(function: Callable[[Floats], Floats], alpha: Floats) -> Floats:
    starts = range(0, max(len(alpha), 1), _BLOCK)
    return np.concatenate([function(alpha[start : start + _BLOCK]) for start in starts])


def _integrals(alpha: Floats) -> Floats:
    most = alpha.max(axis=1)[:, None]
    level, log_level = _grid(most)
    below = _below(alpha, level, log_level)  # nowhere 0: no answer lies higher than the grid
    own, log = alpha[:, None], log_level[..., None]
    scale = special.gammaln(most)[..., None] - special.gammaln(own)
    density = np.exp((own - most[..., None]) * log + scale)  # over that of the grid
    found: Floats = _WEIGHT @ (below.prod(axis=-1, keepdims=True) / below * density)
    return found


def _of_last(ordered: Floats) -> Floats:
    """Return the probability that the last answer, which has the most, leads, (N,)."""
    below = _below(ordered[:, :-1], *_grid(ordered[:, -1:]))
    found: Floats = below.prod(axis=-1) @ _WEIGHT
    return found


def _grid(alpha: Floats) -> tuple[Floats, Floats]:
    """Return quantiles of gamma variables and their logarithms, (N, steps); alpha is (N, 1)."""
    tails = special.gammaincinv(alpha, _LOWER), special.gammainccinv(alpha, _UPPER)
    level = np.concatenate(tails, axis=1)
    log_level = np.log(np.maximum(level, _LEAST_LEVEL))
    near_zero = level < _LEAST_LEVEL
    if near_zero.any():
        closed = (_LOG_LOWER + special.gammaln(alpha + 1)) / alpha
        log_level = np.where(near_zero, closed, log_level)
    return level, log_level


def _below(alpha: Floats, level: Floats, log_level: Floats) -> Floats:
    """Return the probability that each answer's gamma is below each level, (N, steps, answers)."""
    own = alpha[:, None]
    found: Floats = special.gammainc(own, level[..., None])
    near_zero = level < _LEAST_LEVEL
    if near_zero.any():
        closed = np.exp(np.minimum(own * log_level[..., None] - special.gammaln(own + 1), 0))
        found = np.where(near_zero[..., None], closed, found)
    return found


# The cube root of a gamma variable is nearly normal (Wilson and Hilferty 1931). For concentrations
# of _LEAST_NORMAL or more, what follows from that is right to _MARGIN. A smaller one is at most as
# often the highest as one of _LEAST_NORMAL, and at least never.


def _by_pairs(ordered: Floats) -> tuple[Floats, Floats]:
    """Return bounds of the probability that the last answer leads, (N,) each.

    It leads no more often than it beats any one of the others, and fails no more often than the
    others beat it, summed.
    """
    mean, variance = _cube_root(ordered)
    apart = mean[:, :-1] - mean[:, -1:]
    loses = special.ndtr(apart / np.sqrt(variance[:, :-1] + variance[:, -1:]))
    certain = np.where(ordered[:, :-1] < _LEAST_NORMAL, 0.0, loses)
    return _with_margin(1 - loses.sum(axis=1), 1 - certain.max(axis=1), ordered)


def _by_normals(ordered: Floats) -> tuple[Floats, Floats]:
    """Return closer bounds of the probability that the last answer leads, (N,) each."""
    mean, variance = (values[:, None] for values in _cube_root(ordered))
    level = mean[..., -1:] + np.sqrt(variance[..., -1:]) * _HERMITE[:, None]
    below = special.ndtr((level - mean[..., :-1]) / np.sqrt(variance[..., :-1]))
    possible = np.where(ordered[:, None, :-1] < _LEAST_NORMAL, 1.0, below)
    low, high = (values.prod(axis=-1) @ _HERMITE_WEIGHT for values in (below, possible))
    return _with_margin(low, high, ordered)


def _with_margin(low: Floats, high: Floats, ordered: Floats) -> tuple[Floats, Floats]:
    unknown = ordered[:, -1] < _LEAST_NORMAL
    return np.where(unknown, -1.0, low - _MARGIN), np.where(unknown, 2.0, high + _MARGIN)


def _cube_root(alpha: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the cube root of gamma variables."""
    values = np.maximum(alpha, _LEAST_NORMAL)
    root = np.cbrt(values)
    return root * (1 - 1 / (9 * values)), 1 / (9 * root)
