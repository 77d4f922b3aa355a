"""What in a picture a network's answer rests on, without PyTorch: maps that are put to the test.

The explained quantity is the answer's vote fraction within its question, if it is asked. Every map
comes with its deletion test, and one that is no better than chance says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.errors import InferenceError, shown
from inference.formats.card import Card
from inference.formats.question import MULTIPLE_REST, Answer
from inference.formats.tree import Tree
from inference.vision.deletion import Deletion, deletion_test
from inference.vision.masks import cell_means, hidden, rise_masks, smoothed
from inference.vision.session import ALPHA, CAM

RISE, OCCLUSION, CLASS_ACTIVATION = "rise", "occlusion", "cam"
METHODS = (RISE, OCCLUSION, CLASS_ACTIVATION)

_MAX_CELLS = 32
_MAX_MASKS = 8192
_COPIES = 128  # at once: the largest batch of a processor
_PIXELS = 2**24  # at once, which keeps the masks of large pictures below 200 MB
_WINDOW = 3  # cells a side that occlusion hides at once
_FLAT = 1e-5  # a map whose fractions differ by less is noise of the arithmetic


class ExplanationRefused(InferenceError):
    """A map that cannot be made of this network or in this way."""


class Network(Protocol):
    """What is needed of a `Session`."""

    card: Card

    def run(
        self, images: NDArray[np.uint8], outputs: Sequence[str] = ...
    ) -> dict[str, NDArray[Any]]:
        """Return outputs by name for pictures uint8 (n, S, S, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class Explanation:
    """A map of what an answer rests on, and how far it holds.

    Attributes:
        heat: float32 (S, S) from 0, matters least, to 1; all 0 where nothing matters.
        method: "rise", "occlusion" or "cam".
        answer: its name in the tree, "question.answer".
        fraction: of the votes within the question that the network expects, nothing blanked.
        deletion: the test of the map, with its scores and its verdict.
    """

    heat: NDArray[np.float32]
    method: str
    answer: str
    fraction: float
    deletion: Deletion


def explain(
    session: Network,
    stamp: NDArray[np.uint8],
    answer: Answer,
    *,
    method: str = RISE,
    seed: int = 0,
    n_masks: int = 256,
    cells: int = 8,
) -> Explanation:
    """Return what in a picture an answer rests on; the same seed gives the same map.

    Args:
        session: a network; values that its card names beside the picture count as missing.
        stamp: the picture at model size, uint8 (S, S, 3).
        answer: one of the card's tree.
        method: "rise" shows the picture through random masks, "occlusion" hides one place after
            another, "cam" reads the last layer, which is quick and only where the card allows it.
        n_masks: how many random masks.
        cells: along a side, of the masks, of what is hidden at once and of the deletion test.

    Raises:
        ExplanationRefused: the method is unknown or not for this network, or a number is out of
            range.
        ValueError: the picture is not of the network's size, or the answer of another tree.
    """
    _check(session.card, stamp, answer)
    _check_choices(session.card, method, n_masks, cells)
    probe = _Probe(session, stamp, answer)
    mask_rng, order_rng = np.random.default_rng(seed).spawn(2)
    if method == RISE:
        raw = _rise(probe, mask_rng, n_masks, cells)
    elif method == OCCLUSION:
        raw = _occlusion(probe, cells)
    else:
        raw = _class_activation(probe)
    heat = _scaled(raw)
    deletion = deletion_test(cell_means(heat, cells), probe.of_cells, order_rng)
    return Explanation(
        heat=heat,
        method=method,
        answer=session.card.tree.name(answer),
        fraction=float(deletion.own[0]),
        deletion=deletion,
    )


def vote_fraction(alpha: NDArray[np.floating], tree: Tree, answer: Answer) -> NDArray[np.float64]:
    """Return the expected share of an answer among the people asked its question, (n,).

    Args:
        alpha: concentrations over the tree's axis, (n, K).
    """
    question = tree.questions[answer.question]
    own = alpha[:, answer.index].astype(np.float64)
    if not question.is_single:
        return own / (own + MULTIPLE_REST)
    total = alpha[:, question.span.start : question.span.stop].sum(axis=1, dtype=np.float64)
    fractions: NDArray[np.float64] = own / total
    return fractions


class _Probe:
    """One picture, one answer, and what the network says while parts are hidden."""

    def __init__(self, session: Network, stamp: NDArray[np.uint8], answer: Answer) -> None:
        self.session, self.stamp, self.answer = session, stamp, answer
        self.size_px = len(stamp)
        self.at_once = max(1, min(_COPIES, _PIXELS // stamp[..., 0].size))

    def of_masks(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the fractions behind masks (n, S, S), (n,)."""
        alpha = self.session.run(hidden(self.stamp, kept), (ALPHA,))[ALPHA]
        return vote_fraction(alpha, self.session.card.tree, self.answer)

    def of_cells(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the fractions where cells (n, cells, cells) are kept, (n,)."""
        parts = [
            self.of_masks(smoothed(kept[start : start + n], self.size_px))
            for start, n in self.batches(len(kept))
        ]
        return np.concatenate(parts)

    def batches(self, n: int) -> Iterator[tuple[int, int]]:
        """Yield the start and length of as many copies as are made at once."""
        for start in range(0, n, self.at_once):
            yield start, min(self.at_once, n - start)


def _rise(probe: _Probe, rng: np.random.Generator, n_masks: int, cells: int) -> NDArray[np.float64]:
    """Return by how much the fraction rises as a pixel is shown, (S, S).

    The paper averages the masks weighted by what the network says. Here its mean is taken off
    first and the sum is divided by how much each pixel varied: the same map, without the noise
    of pixels that were shown more often than others.
    """
    seen = np.zeros((probe.size_px, probe.size_px))
    squared, weighted = seen.copy(), seen.copy()
    total = 0.0
    for _, n in probe.batches(n_masks):
        masks = rise_masks(rng, n, cells=cells, size_px=probe.size_px)
        fractions = probe.of_masks(masks)
        total += fractions.sum()
        seen += masks.sum(axis=0)
        squared += np.square(masks).sum(axis=0)
        weighted += np.tensordot(fractions, masks, axes=1)
    covariance = weighted / n_masks - seen * total / n_masks**2
    variance = squared / n_masks - np.square(seen / n_masks)
    slope: NDArray[np.float64] = covariance / variance.clip(min=1e-6)
    return slope


def _occlusion(probe: _Probe, cells: int) -> NDArray[np.float64]:
    """Return by how much the fraction falls as a place is hidden, (S, S).

    A window slides by one cell, also over the border, so that all cells are hidden equally often;
    a cell gets the mean over its windows. Single cells are too small for a network to miss them.
    """
    side = min(_WINDOW, cells - 1)
    start = np.arange(1 - side, cells)[:, None]
    inside = (start <= np.arange(cells)) & (np.arange(cells) < start + side)  # (windows, cells)
    windows = (inside[:, None, :, None] & inside[:, None, :]).reshape(-1, cells, cells)
    found = probe.of_cells(~np.concatenate([np.zeros_like(windows[:1]), windows]))
    falls = np.tensordot(found[0] - found[1:], windows, axes=1) / side**2
    return smoothed(falls, probe.size_px).astype(np.float64)


def _class_activation(probe: _Probe) -> NDArray[np.float64]:
    """Return what each place adds to the answer over its siblings, (S, S).

    A fraction also falls as a sibling gains, so the siblings' activations are taken off, each by
    its own fraction: the slope of the fraction's logarithm where a concentration grows as the
    exponential of its logit, and close to it elsewhere. The answers of a multiple-choice question
    are independent of each other.
    """
    found = probe.session.run(probe.stamp[None], (ALPHA, CAM))
    activation = found[CAM][0].astype(np.float64)
    own = activation[probe.answer.index]
    question = probe.session.card.tree.questions[probe.answer.question]
    if question.is_single:
        rows = slice(question.span.start, question.span.stop)
        alpha = found[ALPHA][0, rows].astype(np.float64)
        own = own - np.tensordot(alpha / alpha.sum(), activation[rows], axes=1)
    size = (probe.size_px, probe.size_px)
    enlarged = Image.fromarray(own.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(enlarged, dtype=np.float64)


def _scaled(raw: NDArray[np.float64]) -> NDArray[np.float32]:
    lowest, highest = raw.min(), raw.max()
    if highest - lowest < _FLAT:
        return np.zeros(raw.shape, np.float32)
    scaled: NDArray[np.float32] = ((raw - lowest) / (highest - lowest)).astype(np.float32)
    return scaled


def _check(card: Card, stamp: NDArray[np.uint8], answer: Answer) -> None:
    size_px = card.input.size_px
    if stamp.dtype != np.uint8 or stamp.shape != (size_px, size_px, 3):
        raise ValueError(
            f"stamp is {stamp.dtype} {stamp.shape}, the network takes uint8 ({size_px}, {size_px}, "
            f"3)."
        )
    if answer not in card.tree.answers:
        raise ValueError(f"answer {answer.key!r} is not one of the tree {card.tree.key!r}.")


def _check_choices(card: Card, method: str, n_masks: int, cells: int) -> None:
    if method not in METHODS:
        raise ExplanationRefused(
            f"There is no method {shown(method)} to explain an answer: use {RISE}, {OCCLUSION} or "
            f"{CLASS_ACTIVATION}."
        )
    if method == CLASS_ACTIVATION and not card.cam_exact:
        raise ExplanationRefused(
            f"The model {card.model_id} has no exact class activation, because its head sees more "
            f"than the mean of its last layer: use the method {RISE}."
        )
    most = min(_MAX_CELLS, card.input.size_px)
    if not 2 <= cells <= most:
        raise ExplanationRefused(
            f"The picture cannot be cut into {shown(cells)} cells a side: use 2 to {most}."
        )
    if not 2 <= n_masks <= _MAX_MASKS:
        raise ExplanationRefused(
            f"A map cannot be made of {shown(n_masks)} masks: use 2 to {_MAX_MASKS:,}, such as 256."
        )
