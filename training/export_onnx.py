"""A trained network to one ONNX file: graph, weights and card; the same bytes each time."""

import copy
import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto

from inference.errors import InferenceError
from inference.formats.atomic import whole_file
from inference.formats.card import Card, Masks
from inference.formats.golden import Golden, golden_images, rounded
from inference.vision.model_file import MAX_MODEL_BYTES
from inference.vision.providers import CPU
from inference.vision.session import ALPHA, loaded
from training.half import to_half
from training.model import Network
from training.parity import check_content
from training.served import Projection, Served, output_names

_OPSET = 20
_GOLDEN_SEED = 1


class ExportRefused(InferenceError):
    """A network that cannot become a model file."""


def draft_card(network: Network, *, model_id: str, created_at: str) -> Card:
    """Return what a network's card says before calibration, metrics and lineage are known.

    Args:
        created_at: when the training ended, ISO 8601 UTC.
    """
    config = network.config
    return Card(
        model_id=model_id,
        created_at=created_at,
        tree=network.tree,
        input=config.input,
        alpha_form=config.alpha_form if config.head == "dirichlet" else config.head,
        masks=Masks(config.masks, config.dropout, config.seed),
        golden=Golden(_GOLDEN_SEED, ()),
        cam_exact=network.cam_exact,
        aux_names=config.aux,
    )


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

    The file is compared with PyTorch before it is written; the network stays as it is.

    Args:
        card: as `draft_card` makes it; what it says of graph and golden outputs is written anew.
        images: real stamps for the comparison, uint8 (n, S, S, 3); 64 are enough.
        half: the trunk in 16 bits, for GPUs.

    Raises:
        ExportRefused: the network is too large to be served, or answers with no numbers.
        ParityFailed: the file and PyTorch disagree. Nothing is written in either case.
    """
    n_bytes = sum(p.numel() for p in network.parameters()) * (2 if half else 4)
    _check_size(n_bytes, network)
    network = copy.deepcopy(network).cpu().float().eval()
    model = _traced(Served(network, card.masks, projection).eval(), network)
    _forget_sources(model)
    if half:
        model = to_half(model)
        _forget_sources(model)
    _write_card(model, _completed(card, network, model, half=half))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    _check_size(len(content), network)
    check_content(network, content, path.name, images, projection=projection)
    with whole_file(path) as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def _check_size(n_bytes: int, network: Network) -> None:
    if n_bytes > MAX_MODEL_BYTES:
        raise ExportRefused(
            f"A model file of {network.config.architecture} has {n_bytes:,} bytes, and at most "
            f"{MAX_MODEL_BYTES:,} are served: train a smaller architecture."
        )


def _completed(card: Card, network: Network, model: ModelProto, *, half: bool) -> Card:
    """Return the card with what network and graph say of themselves, golden outputs included."""
    drawn = draft_card(network, model_id=card.model_id, created_at=card.created_at)
    card = replace(
        card,
        tree=drawn.tree,
        input=drawn.input,
        alpha_form=drawn.alpha_form,
        cam_exact=drawn.cam_exact,
        aux_names=drawn.aux_names,
        precision="float16" if half else "float32",
    )
    return replace(card, golden=_golden(model, card))


def _traced(served: Served, network: Network) -> ModelProto:
    size_px, n_aux = network.config.size_px, len(network.config.aux)
    rows = torch.export.Dim("N", min=1)
    inputs: tuple[torch.Tensor, ...] = (torch.zeros(2, size_px, size_px, 3, dtype=torch.uint8),)
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
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
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


def _forget_sources(model: ModelProto) -> None:
    """Take out what the exporter notes of the source code: paths, lines, stacks."""
    graph = model.graph
    del graph.value_info[:]  # shapes in between, which the runtime infers again
    parts: list[Any] = [model, graph, *graph.node, *graph.initializer]
    for part in (*parts, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def _golden(model: ModelProto, card: Card) -> Golden:
    """Return what the file says of its golden pictures, in ONNX Runtime on the processor."""
    session = loaded(model.SerializeToString(), "the new model", threads=1, providers=[(CPU, {})])
    feed = {"images": golden_images(_GOLDEN_SEED, card.input.size_px)}
    if n_aux := len(card.aux_names):
        n = len(feed["images"])
        feed |= {"aux": np.zeros((n, n_aux), np.float32), "aux_mask": np.zeros((n, n_aux), bool)}
    (alpha,) = session.run([ALPHA], feed)
    if not (np.isfinite(alpha).all() and (alpha > 0).all()):
        raise ExportRefused(
            f"The network {card.model_id} answers with concentrations such as "
            f"{alpha[~((alpha > 0) & np.isfinite(alpha))][0]} in {card.precision}: export an "
            f"earlier checkpoint, or train again with a lower learning_rate."
        )
    return Golden(_GOLDEN_SEED, rounded(alpha))


def _write_card(model: ModelProto, card: Card) -> None:
    for key, text in card.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
