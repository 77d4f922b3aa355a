"""The values of the catalog's columns, computed from what is stored of galaxies; no database here.

Whatever is asked for is computed for all questions and answers at once, and once only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.beta_table import quick_quantile
from inference.belief.dirichlet import fractions, span_of
from inference.belief.interval import share, wilson
from inference.belief.posterior import Posterior, layout, posterior
from webapp.exports.column import Column
from webapp.exports.evidence import Evidence
from webapp.exports.positions import iau_names

Floats = NDArray[np.float64]
Table = Mapping[str, NDArray[Any]]

TAIL = 0.05  # on either side of a posterior's interval
_MUCH_EMPTY = 0.2  # of the pixels
_MOST = 0.5  # of the people


def computed(
    evidence: Evidence,
    columns: Sequence[Column],
    release: str = "",
    *,
    debiased: NDArray[np.float32] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return the values of some columns, N of each, by the columns' names.

    Args:
        release: what `data_release` says.
        debiased: fractions that are corrected for redshift, (N, K); NaN without them.
    """
    values = _Values(evidence, release, debiased)
    return {column.name: values.of(column) for column in columns}


@dataclass(eq=False)
class _Values:
    """What is computed of N galaxies; a family's arrays are kept column by column."""

    evidence: Evidence
    release: str
    debiased: NDArray[np.float32] | None

    def __post_init__(self) -> None:
        self._found: dict[str, NDArray[Any]] = {}

    def of(self, column: Column) -> NDArray[Any]:
        """Return a column's values, (N,)."""
        if column.family == "metadata":
            return _metadata(self.evidence.metadata[column.source], column)
        if column.family not in self._found:
            found = _FAMILIES[column.family](self)
            self._found[column.family] = _typed(found, column)
        values = self._found[column.family]
        if values.ndim == 1:
            return values
        place = column.question if column.answer is None else column.answer
        one: NDArray[Any] = values[:, place]
        return one

    # People.

    @cached_property
    def asked(self) -> NDArray[np.int32]:
        """Return how many people were asked the question of each answer, (N, K)."""
        evidence = self.evidence
        each: NDArray[np.int32] = evidence.asked[:, layout(evidence.tree).question]
        return each

    @cached_property
    def fraction(self) -> Floats:
        """Return the share of people who gave each answer, (N, K); NaN where none was asked."""
        return share(self.evidence.votes, self.asked)

    @cached_property
    def wilson(self) -> tuple[Floats, Floats]:
        """Return the 95 % interval of each share, (N, K) twice (Wilson 1927)."""
        return wilson(self.evidence.votes, self.asked)

    @cached_property
    def weighted_fraction(self) -> Floats:
        """Return the share of people who gave each answer by weight, (N, K)."""
        evidence = self.evidence
        asked = evidence.weighted_asked[:, layout(evidence.tree).question]
        return np.minimum(share(evidence.weighted, asked), 1.0)

    # Belief.

    @cached_property
    def belief(self) -> Posterior:
        """Return what is believed after people's votes."""
        evidence = self.evidence
        return posterior(
            evidence.tree, evidence.weighted, evidence.weighted_asked, prior=evidence.prior
        )

    @cached_property
    def is_seen(self) -> NDArray[np.bool_]:
        """Return which galaxies a network has seen, (N,)."""
        return np.asarray(np.isfinite(self.evidence.prior).any(axis=1))

    @cached_property
    def is_known(self) -> NDArray[np.bool_]:
        """Return which questions somebody says something of, people or a network, (N, Q)."""
        return self.is_seen[:, None] | (self.evidence.weighted_asked > 0)

    def known(self, values: NDArray[Any]) -> Floats:
        """Return values of each answer, (N, K), or NaN where nobody says anything."""
        is_known = self.is_known[:, layout(self.evidence.tree).question]
        return np.where(is_known, values, np.nan)

    def quantile(self, probability: float) -> Floats:
        """Return a quantile of what is believed of each share, (N, K)."""
        return self.known(quick_quantile(self.belief.alpha, self.belief.rest, probability))

    @cached_property
    def network(self) -> Floats:
        """Return the share of each answer that the network expects, (N, K)."""
        return fractions(self.evidence.prior, self.evidence.tree)

    def leading(self, shares: NDArray[Any], is_known: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the leading answer of each question on the axis, (N, Q); -1 for none.

        Of a multiple choice it leads only if more than half give it.
        """
        tree = self.evidence.tree
        found = np.full((len(shares), tree.n_questions), -1, np.int64)
        for question in tree.questions:
            own = shares[:, span_of(question)]
            best = own.argmax(axis=1)
            leads = is_known[:, question.index].copy()
            if not question.is_single:
                leads &= own.max(axis=1) > _MOST
            found[leads, question.index] = best[leads] + question.first_answer
        return found

    def lead(self) -> NDArray[np.object_]:
        """Return the key of each question's leading answer, (N, Q); "" for none."""
        keys = np.array([*(answer.key for answer in self.evidence.tree.answers), ""], object)
        found: NDArray[np.object_] = keys[self.leading(self.belief.mean, self.is_known)]
        return found

    def agree(self) -> NDArray[np.int16]:
        """Return whether people and network have the same leading answer, (N, Q)."""
        asked = self.evidence.asked > 0
        people = self.leading(np.nan_to_num(self.fraction), asked)
        seen = np.broadcast_to(self.is_seen[:, None], asked.shape)
        network = self.leading(np.nan_to_num(self.network), seen)
        is_unknown = (people < 0) | (network < 0)
        return np.where(is_unknown, -1, people == network).astype(np.int16)

    def reached(self) -> Floats:
        """Return the expected share of volunteers who are asked each question, (N, Q)."""
        return np.where(self.is_known[:, :1], self.belief.reached(), np.nan)

    # State.

    def quality(self) -> NDArray[np.int32]:
        """Return the bits of QUALITY, (N,)."""
        evidence = self.evidence
        bits = {
            1: np.isnan(evidence.ra) | np.isnan(evidence.dec),
            2: evidence.n_flags > 0,
            4: evidence.filled_share >= _MUCH_EMPTY,
            8: evidence.retired_reason == "artifact",
            16: evidence.retired_reason == "withdrawn",
            32: evidence.n_classifications == 0,
            64: ~self.is_seen,
            128: evidence.is_gold,
        }
        found = np.zeros(len(evidence), np.int32)
        for bit, is_so in bits.items():
            found[is_so.astype(bool)] |= bit
        return found

    def corrected(self) -> NDArray[np.float32]:
        """Return the fractions corrected for redshift, (N, K)."""
        if self.debiased is None:
            return np.full(self.evidence.votes.shape, np.nan, np.float32)
        return self.debiased

    def constant(self, text: str) -> NDArray[np.object_]:
        """Return a text for every galaxy, (N,)."""
        return np.full(len(self.evidence), text, object)


_FAMILIES: Mapping[str, Callable[[_Values], NDArray[Any]]] = {
    "source_id": lambda values: values.evidence.subject_id,
    "survey_id": lambda values: values.evidence.survey_id,
    "iau_name": lambda values: iau_names(values.evidence.ra, values.evidence.dec),
    "ra": lambda values: values.evidence.ra,
    "dec": lambda values: values.evidence.dec,
    "survey": lambda values: values.evidence.survey,
    "n_classifications": lambda values: values.evidence.n_classifications,
    "n_votes": lambda values: values.evidence.asked,
    "votes": lambda values: values.evidence.votes,
    "frac": lambda values: values.fraction,
    "frac_lo": lambda values: values.wilson[0],
    "frac_hi": lambda values: values.wilson[1],
    "wfrac": lambda values: values.weighted_fraction,
    "post": lambda values: values.known(values.belief.mean),
    "post_lo": lambda values: values.quantile(TAIL),
    "post_hi": lambda values: values.quantile(1 - TAIL),
    "asked": _Values.reached,
    "lead": _Values.lead,
    "ml": lambda values: values.network,
    "ml_model": lambda values: values.evidence.model,
    "agree": _Values.agree,
    "tree": lambda values: values.constant(values.evidence.tree.sha256[:8]),
    "retired_at": lambda values: instants(values.evidence.retired_at),
    "retired_reason": lambda values: values.evidence.retired_reason,
    "n_flags": lambda values: values.evidence.n_flags,
    "data_release": lambda values: values.constant(values.release),
    "quality": _Values.quality,
    "debiased": _Values.corrected,
}


def instants(values: NDArray[np.datetime64]) -> NDArray[np.object_]:
    """Return instants of UTC as ISO 8601 texts with Z; "" for none."""
    found = np.full(len(values), "", object)
    is_known = ~np.isnat(values)
    texts = np.datetime_as_string(values[is_known].astype("datetime64[us]"), unit="us")
    found[is_known] = np.char.add(texts, "Z").astype(object)
    return found


def _metadata(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return what a survey says, texts without the blanks around them."""
    if column.kind.is_text:
        return np.array([text.strip() for text in values.tolist()], object)
    return _typed(values, column)


def _typed(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return values of a column's type, column by column in memory."""
    return np.asfortranarray(values, dtype=column.kind.dtype)
