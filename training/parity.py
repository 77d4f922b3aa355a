"""The gate that a model file passes before it has its name: it says what PyTorch says."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.belief.dirichlet import fractions
from inference.errors import InferenceError
from inference.formats.card import EMBEDDING_SIZE
from inference.formats.tree import Tree
from inference.vision.providers import CPU
from inference.vision.session import (
    ALPHA,
    ALPHA_MC,
    EMBEDDING,
    card_of,
    check_contract,
    loaded,
    read_model,
)
from training.model import Network
from training.served import Projection, Served, output_names

BATCHES = (1, 7, 64)
N_REAL = 64
ALPHA_TOLERANCE = 1e-3  # of concentrations, relative above 1
FRACTION_TOLERANCE = 5e-3  # of vote fractions, in 16 bits
EMBEDDING_TOLERANCE = {"float32": 1e-3, "float16": 2e-2}  # of its direction, radians

Arrays = dict[str, NDArray[Any]]


class ParityFailed(InferenceError):
    """A model file says something else than the network it was made from."""


def check_parity(
    network: Network,
    path: Path,
    images: NDArray[np.uint8],
    *,
    projection: Projection | None = None,
) -> float:
    """Return the largest deviation of a model file, in units of what is tolerated.

    Args:
        network: on the processor.
        images: real stamps, uint8 (n, S, S, 3); the first 64 are used, with 8 hostile pictures.
        projection: what the embedding was made with; without it, that is not compared.

    Raises:
        ParityFailed: a deviation is larger than tolerated, or a number is not finite.
        ModelRefused: the file cannot be loaded, or does not follow the contract.
    """
    return check_content(network, read_model(path), path.name, images, projection=projection)


def check_content(
    network: Network,
    content: bytes,
    name: str,
    images: NDArray[np.uint8],
    *,
    projection: Projection | None = None,
) -> float:
    """Do what `check_parity` does with a file that is not yet on disk."""
    session = loaded(content, name, threads=0, providers=[(CPU, {})])
    card = card_of(session, name)
    check_contract(session, card, name)
    feed = probes(network, images)
    compared = [ALPHA, ALPHA_MC] + ([EMBEDDING] if projection else [])
    served = Served(network.eval(), card.masks, projection or _no_projection(network)).eval()
    ours = _said_by_torch(served, feed)
    worst = 0.0
    for rows, theirs in _said(session, compared, feed, served, card.precision):
        for output in compared:
            said, wanted = theirs[output], ours[output][rows]
            units = deviations(output, wanted, said, network.tree, card.precision)
            worst = max(worst, float(units.max()))
            if worst > 1:
                raise _refusal(name, output, units, rows, card.precision)
    return worst


def probes(network: Network, images: NDArray[np.uint8]) -> Arrays:
    """Return what file and network are asked: up to 64 real stamps and 8 hostile ones.

    Catalog columns, where the network reads some, are random, a third of them missing.
    """
    pictures = np.concatenate([images[:N_REAL], adversarial(network.config.size_px)])
    if network.aux is None:
        return {"images": pictures}
    random = np.random.default_rng(0)
    shape = (len(pictures), len(network.config.aux))
    mean, spread = (part.numpy() for part in (network.aux.mean, network.aux.spread))
    aux = (mean + spread * random.normal(size=shape) * 3).astype(np.float32)
    mask = random.random(shape) < 2 / 3
    aux[~mask] = np.nan
    aux[-2:], mask[-2:] = [[1e30], [-1e30]], True
    return {"images": pictures, "aux": aux, "aux_mask": mask}


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


def deviations(
    output: str, ours: NDArray[Any], theirs: NDArray[Any], tree: Tree, precision: str
) -> NDArray[np.float64]:
    """Return each picture's largest deviation, (n,), in units of what is tolerated."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    if output == EMBEDDING:
        # Both have unit length, so this is the angle between them; 0 where both are 0.
        difference = np.linalg.norm(ours - theirs, axis=-1) / EMBEDDING_TOLERANCE[precision]
    elif precision == "float32":
        difference = np.abs(ours - theirs) / np.maximum(ours, 1) / ALPHA_TOLERANCE
    else:
        difference = np.abs(fractions(ours, tree) - fractions(theirs, tree)) / FRACTION_TOLERANCE
    worst = difference.reshape(len(difference), -1).max(1)
    return np.where(np.isfinite(worst), worst, np.inf)


def _said(
    session: Any, outputs: list[str], feed: Arrays, served: Served, precision: str
) -> Iterator[tuple[slice, Arrays]]:
    """Yield the places of each batch and what is said of it by the file, or in 16 bits."""
    n_probes = len(feed["images"])
    for n in BATCHES:
        for rows in _batches(n_probes, n):
            found = session.run(outputs, {key: values[rows] for key, values in feed.items()})
            yield rows, dict(zip(outputs, found, strict=True))
    if precision == "float16":
        # A processor runs a file of 16 bits in 32, so it would not notice what a GPU cannot hold.
        yield slice(0, n_probes), _said_by_torch(_rounding(served), feed)


def _rounding(served: Served) -> Served:
    """Return a copy whose trunk rounds weights, and what its parts hand on, to 16 bits."""
    copied = copy.deepcopy(served)
    trunk = copied.network.trunk
    for weights in trunk.parameters():
        weights.data = weights.data.half().float()
    for module in trunk.modules():
        # Without a bias of its own, it is one step with the normalization that follows it.
        if not (isinstance(module, nn.Conv2d) and module.bias is None):
            module.register_forward_hook(_round)
    return copied


def _round(module: nn.Module, given: Any, handed_on: Any) -> Any:  # noqa: ARG001  torch passes them
    return handed_on.half().float() if isinstance(handed_on, Tensor) else handed_on


def _said_by_torch(served: Served, feed: Arrays) -> Arrays:
    with torch.inference_mode():
        outputs = served(*(torch.from_numpy(values) for values in feed.values()))
    names = output_names(served.network)
    return {name: tensor.numpy() for name, tensor in zip(names, outputs, strict=True)}


def _no_projection(network: Network) -> Projection:
    channels = network.channels
    return Projection(
        np.zeros(channels, np.float32), np.zeros((channels, EMBEDDING_SIZE), np.float32)
    )


def _batches(n_probes: int, n: int) -> Iterator[slice]:
    """Yield the places of batches of n; one by one only the last 16, the hostile ones included."""
    first = max(n_probes - 16, 0) if n == 1 else 0
    for start in range(first, n_probes, n):
        yield slice(start, min(start + n, n_probes))


def _refusal(
    name: str, output: str, units: NDArray[np.float64], rows: slice, precision: str
) -> ParityFailed:
    picture, worst = rows.start + int(units.argmax()) + 1, units.max()
    found = (
        f"is {worst:.3g} times as far from PyTorch's as is tolerated"
        if np.isfinite(worst)
        else "is not finite"
    )
    remedy = (
        "export it in float32"
        if precision == "float16"
        else "install the versions in requirements/training.txt, or train another architecture"
    )
    return ParityFailed(
        f"{name} does not say what its network says: the {output} of picture {picture}, in a batch "
        f"of {rows.stop - rows.start}, {found}; {remedy}."
    )
