"""A trained network to one ONNX file: graph, weights and card; the same bytes each time.

What the file computes beyond the network: T samples from fixed dropout masks of the head, in one
matrix product; a projected embedding of unit length; and where it is exact, class activation.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.formats.card import EMBEDDING_SIZE, Card, Masks
from inference.formats.golden import Golden, golden_images, rounded
from inference.formats.stamps import file_sha256
from inference.vision.providers import CPU
from inference.vision.session import ALPHA, ALPHA_MC, CAM, EMBEDDING, FEATURES, POOLED, loaded
from training.half import to_half
from training.model import Network
from training.parity import check_parity

_OPSET = 20
_GOLDEN_SEED = 1


@dataclass(frozen=True, eq=False)
class Projection:
    """From what the head sees, (n, C), to 128 numbers."""

    mean: NDArray[np.float32]  # (C,)
    matrix: NDArray[np.float32]  # (C, 128), zero beyond C columns


def fit_projection(pooled: NDArray[np.float32]) -> Projection:
    """Return the principal axes of features (n, C), the widest first, each sign fixed.

    Axes along which the features do not vary are left out: they would be noise.
    """
    values = pooled.astype(np.float64)
    mean = values.mean(0)
    _, spread, axes = np.linalg.svd(values - mean, full_matrices=False)
    kept = min(EMBEDDING_SIZE, int((spread > spread[:1] * 1e-6).sum()))
    axes = axes[:kept]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(kept), largest] < 0, -1.0, 1.0)[:, None]
    matrix = np.zeros((values.shape[1], EMBEDDING_SIZE))
    matrix[:, :kept] = axes.T
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


def pooled_features(
    network: Network, images: NDArray[np.uint8], batch_size: int = 256
) -> NDArray[np.float32]:
    """Return what the neck makes of pictures uint8 (n, S, S, 3): (n, C)."""
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            block = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size]))
            found.append(network.neck(network.features(network.unit(block)).float()).numpy())
    return np.concatenate(found)


class Served(nn.Module):
    """The network as the model file serves it."""

    masks: Tensor
    mean: Tensor
    matrix: Tensor

    def __init__(self, network: Network, masks: Masks, projection: Projection) -> None:
        super().__init__()
        self.network, self.dropout = network, masks.dropout
        self.register_buffer("masks", _drawn_masks(network.head.in_features, masks))
        self.register_buffer("mean", torch.from_numpy(projection.mean))
        self.register_buffer("matrix", torch.from_numpy(projection.matrix))

    def forward(
        self, images: Tensor, aux: Tensor | None = None, aux_mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Return the outputs of the contract in their order."""
        network = self.network
        features = network.features(network.unit(images))
        pooled = network.neck(features)
        summary = pooled
        if network.aux is not None:
            summary = torch.cat([pooled, network.aux(aux, aux_mask)], 1)
        head = network.head
        logits = nn.functional.linear(summary, head.weight, head.bias)
        products = (summary @ self._masked_weights()).unflatten(1, (len(self.masks), -1))
        projected = (pooled - self.mean) @ self.matrix
        length = projected.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)
        outputs = (
            network.alpha_of(logits),
            network.alpha_of(products + head.bias),
            projected / length,
            pooled,
            features,
        )
        if not network.cam_exact:
            return outputs
        kernel = head.weight[:, :, None, None]
        return (*outputs, nn.functional.conv2d(features, kernel))

    def _masked_weights(self) -> Tensor:
        """Return the head's weights under each mask side by side, (C, T * K).

        The runtime computes it once, when it loads the file; stored it would be a fifth of it.
        """
        kept = self.masks.float() / max(1 - self.dropout, 1e-6)  # (T, C)
        stacked = self.network.head.weight.t()[:, None, :] * kept.t()[:, :, None]
        return stacked.flatten(1)


def output_names(network: Network) -> list[str]:
    """Return the outputs in the order of the contract."""
    names = [ALPHA, ALPHA_MC, EMBEDDING, POOLED, FEATURES]
    return [*names, CAM] if network.cam_exact else names


def export(
    network: Network,
    card: Card,
    projection: Projection,
    path: Path,
    *,
    images: NDArray[np.uint8],
    half: bool = False,
) -> str:
    """Write a model file and return its SHA-256.

    The file is compared with PyTorch before it has its name.

    Args:
        card: without golden outputs, which are measured here.
        images: real stamps for the comparison, uint8 (n, S, S, 3); 64 are enough.
        half: weights and convolutions in 16 bits, for GPUs.

    Raises:
        ParityFailed: the file and PyTorch disagree; nothing is written then.
    """
    network = network.cpu().eval()
    model = _traced(Served(network, card.masks, projection).eval(), network)
    _forget_sources(model)
    if half:
        model = to_half(model)
    card = replace(card, precision="float16" if half else "float32", cam_exact=network.cam_exact)
    card = replace(card, golden=_golden(model, card))
    _write_card(model, card)
    onnx.checker.check_model(model, full_check=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        check_parity(network, temporary, images)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return file_sha256(path)


def _drawn_masks(n_inputs: int, masks: Masks) -> Tensor:
    """Return which inputs of the head each mask keeps, uint8 (T, C); none keeps nothing."""
    generator = torch.Generator().manual_seed(masks.seed)
    kept = torch.rand(masks.samples, n_inputs, generator=generator) >= masks.dropout
    kept[~kept.any(1)] = True
    return kept.to(torch.uint8)


def _traced(served: Served, network: Network) -> onnx.ModelProto:
    size_px, n_aux = network.config.size_px, len(network.config.aux)
    rows = torch.export.Dim("N", min=1)
    inputs: tuple[Tensor, ...] = (torch.zeros(2, size_px, size_px, 3, dtype=torch.uint8),)
    shapes: dict[str, dict[int, object]] = {"images": {0: rows}}
    if n_aux:
        inputs += (torch.zeros(2, n_aux), torch.ones(2, n_aux, dtype=torch.bool))
        shapes |= {"aux": {0: rows}, "aux_mask": {0: rows}}
    with _quiet():
        program = torch.onnx.export(
            served,
            inputs,
            dynamo=True,
            external_data=False,
            opset_version=_OPSET,
            input_names=list(shapes),
            output_names=output_names(network),
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None  # noqa: S101  for the type checker: dynamo returns a program
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's talk about its own parts off the terminal."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _forget_sources(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of the source code: paths, lines, stacks."""
    del model.metadata_props[:]
    model.doc_string = ""
    for function in model.functions:
        _forget(function)
        for node in function.node:
            _forget(node)
    graph = model.graph
    _forget(graph)
    for part in (graph.node, graph.initializer, graph.input, graph.output, graph.value_info):
        for item in part:
            _forget(item)
    del graph.value_info[:]  # shapes in between, which the runtime infers again


def _forget(item: object) -> None:
    if hasattr(item, "metadata_props"):
        del item.metadata_props[:]
    if hasattr(item, "doc_string"):
        item.doc_string = ""


def _golden(model: onnx.ModelProto, card: Card) -> Golden:
    """Return what the file says of its golden pictures, in ONNX Runtime on the processor."""
    session = loaded(model.SerializeToString(), "the new model", threads=1, providers=[(CPU, {})])
    feed = {"images": golden_images(_GOLDEN_SEED, card.input.size_px)}
    if n_aux := len(card.aux_names):
        n = len(feed["images"])
        feed |= {"aux": np.zeros((n, n_aux), np.float32), "aux_mask": np.zeros((n, n_aux), bool)}
    (alpha,) = session.run([ALPHA], feed)
    return Golden(_GOLDEN_SEED, rounded(alpha))


def _write_card(model: onnx.ModelProto, card: Card) -> None:
    for key, text in card.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
