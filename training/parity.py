"""The gate that a model file passes before it has its name: it says what PyTorch says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.vision.session import ALPHA, Session
from training.model import Network

BATCHES = (1, 7, 64)
ALPHA_TOLERANCE = 1e-3  # of concentrations, relative above 1
FRACTION_TOLERANCE = 5e-3  # of vote fractions, in 16 bits


class ParityFailed(InferenceError):
    """A model file says something else than the network it was made from."""


def check_parity(network: Network, path: Path, images: NDArray[np.uint8]) -> float:
    """Return the largest deviation, in units of what is tolerated, over real and hostile pictures.

    Args:
        images: real stamps, uint8 (n, S, S, 3); the first 64 are used.

    Raises:
        ParityFailed: a deviation is larger than tolerated.
    """
    session = Session.open(path, gpu="off", threads=1, warm=False)
    probes = np.concatenate([images[:64], adversarial(network.config.size_px)])
    worst = 0.0
    for n, batch in ((size, part) for size in BATCHES for part in _parts(probes, size)):
        ours = _alpha(network, batch)
        theirs = session.run(batch, (ALPHA,))[ALPHA]
        deviation = _deviation(ours, theirs, network, session.card.precision)
        worst = max(worst, deviation)
        if not deviation <= 1:
            raise ParityFailed(
                f"The exported file deviates from PyTorch by {deviation:.3g} times what is "
                f"tolerated, in batches of {n}: train longer or in float32, and export again."
            )
    return worst


def adversarial(size_px: int) -> NDArray[np.uint8]:
    """Return 8 pictures that no telescope takes, uint8 (8, S, S, 3)."""
    shape = (size_px, size_px, 3)
    random = np.random.default_rng(0)
    board = np.indices((size_px, size_px)).sum(0) % 2 * 255
    spot = np.zeros(shape, np.uint8)
    spot[size_px // 2, size_px // 2] = 255
    ramp = np.broadcast_to(np.linspace(0, 255, size_px)[None, :, None], shape)
    red = np.zeros(shape, np.uint8)
    red[..., 0] = 255
    return np.stack(
        [
            np.zeros(shape, np.uint8),
            np.full(shape, 255, np.uint8),
            random.integers(0, 256, shape, dtype=np.uint8),
            random.integers(0, 2, shape, dtype=np.uint8) * 255,
            np.repeat(board[..., None], 3, axis=2).astype(np.uint8),
            spot,
            ramp.astype(np.uint8),
            red,
        ]
    )


def _parts(probes: NDArray[np.uint8], n: int) -> Iterator[NDArray[np.uint8]]:
    """Yield batches of n: of one picture each only the hostile ones and some of the others."""
    if n == 1:
        probes = probes[-16:]
    for start in range(0, len(probes), n):
        yield probes[start : start + n]


def _alpha(network: Network, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    n_aux = len(network.config.aux)
    aux = torch.zeros(len(images), n_aux) if n_aux else None
    mask = torch.zeros(len(images), n_aux, dtype=torch.bool) if n_aux else None
    with torch.inference_mode():
        return network(torch.from_numpy(images), aux, mask).numpy()


def _deviation(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], network: Network, precision: str
) -> float:
    if not np.isfinite(theirs).all():
        return float("inf")
    if precision == "float32":
        return float((np.abs(ours - theirs) / np.maximum(ours, 1)).max()) / ALPHA_TOLERANCE
    spans = [slice(q.span.start, q.span.stop) for q in network.tree.questions if q.is_single]
    differences = [
        np.abs(ours[:, s] / ours[:, s].sum(1, keepdims=True)
               - theirs[:, s] / theirs[:, s].sum(1, keepdims=True)).max()
        for s in spans
    ]  # fmt: skip
    return float(max(differences, default=0.0)) / FRACTION_TOLERANCE
