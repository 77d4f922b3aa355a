"""What the next volunteer would tell of a galaxy: mutual information in closed form, nats.

Between the next vote and the fractions of its question (Lindley 1956): the entropy of the vote as
it is expected, less the mean entropy over all fractions that are still possible. What no vote can
tell, because people disagree on it, is no gain. The mean entropy of a Dirichlet is Wolpert and
Wolf's (1995), in digamma functions.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inference.belief.posterior import Posterior, layout

Floats = NDArray[np.float64]
_BLOCK = 50_000  # galaxies at once, so that the parts stay in memory


def gain(known: Posterior) -> Floats:
    """Return what the next volunteer's whole walk is expected to tell, (N,), nats.

    Each question's gain, times the share of volunteers that are asked it.
    """
    found = np.empty(len(known.alpha))
    for rows, part in _blocks(known):
        found[rows] = (part.reached() * _question_gain(part)).sum(axis=1)
    return found


def question_gain(known: Posterior) -> Floats:
    """Return what the next vote on each question is expected to tell, (N, Q), nats.

    The answers of a multiple choice are summed, as each is a vote of its own.
    """
    found = np.empty((len(known.alpha), known.tree.n_questions))
    for rows, part in _blocks(known):
        found[rows] = _question_gain(part)
    return found


def _blocks(known: Posterior) -> Iterator[tuple[slice, Posterior]]:
    if len(known.alpha) <= _BLOCK:
        yield slice(None), known  # with what it has computed already
        return
    for start in range(0, len(known.alpha), _BLOCK):
        rows = slice(start, start + _BLOCK)
        yield rows, known.part(rows)


def _question_gain(known: Posterior) -> Floats:
    spans = layout(known.tree)
    terms = _terms(known.mean, known.alpha)
    if not spans.is_single.all():
        silent = _terms(1 - known.mean, known.rest) - special.psi(known.alpha + known.rest + 1)
        terms += np.where(spans.is_single, 0.0, silent)
    found = np.add.reduceat(terms, spans.first, axis=1)
    total = (known.alpha + known.rest)[:, spans.first]
    found -= np.where(spans.is_single[spans.first], special.psi(total + 1), 0.0)
    gained: Floats = np.maximum(found, 0.0)
    return gained


def _terms(mean: Floats, alpha: Floats) -> Floats:
    """Return each answer's part: expected entropy of the vote, less that of the fractions."""
    found: Floats = special.entr(mean) + mean * special.psi(alpha + 1)
    return found
