"""Tiny model files that follow the contract, made without PyTorch, and ways to break them.

    path = tiny_model(tmp_path)                                     # a whole, good file
    path = tiny_model(tmp_path, tree="galaxy-zoo-2", size_px=64)    # of another tree and size
    path = tiny_model(tmp_path, card={"cam_exact": False})          # a card that says otherwise
    path = tiny_model(tmp_path, change=lambda model: model.graph.output.pop())  # a broken graph
    path = tiny_model(tmp_path, metadata={"gz.mc": "{}"})           # a broken card; None removes

The network: 4 x 4 pixels become a cell, channel 0 of a cell is its brightness and the others are
random; the head's first answer grows with the brightness and its second falls.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from inference.formats.card import EMBEDDING_SIZE, Card, InputSpec, Masks
from inference.formats.golden import Golden, golden_images, rounded
from inference.formats.tree import Tree, load_built_in
from inference.vision.runtime import onnxruntime

CELL_PX = 4
OPSET, IR_VERSION = 20, 10


def tiny_model(
    folder: Path,
    *,
    name: str = "model.onnx",
    tree: str | Tree = "three-class",
    size_px: int = 32,
    crop: float = 1.0,
    seed: int = 0,
    channels: int = 8,
    samples: int = 4,
    aux_names: tuple[str, ...] = (),
    cam: bool = True,
    card: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str | None] | None = None,
    change: Callable[[ModelProto], Any] | None = None,
) -> Path:
    """Write a model file and return its path.

    Args:
        tree: a tree, or the name of a built-in one.
        seed: other weights, so another file.
        samples: masks of alpha_mc.
        cam: also give the output cam, and say in the card that it is exact.
        card: fields of the card that shall differ from what is true.
        metadata: texts of the metadata that shall differ; None takes a key out.
        change: what shall be done to the finished model, golden outputs and card included.
    """
    tree = load_built_in(tree) if isinstance(tree, str) else tree
    model = tiny_graph(
        tree,
        size_px=size_px,
        seed=seed,
        channels=channels,
        samples=samples,
        n_aux=len(aux_names),
        cam=cam,
    )
    true = Card(
        model_id=f"tiny-{seed}",
        created_at="2026-01-31T12:00:00+00:00",
        tree=tree,
        input=InputSpec(size_px, crop),
        alpha_form="1 + 100 sigmoid",
        masks=Masks(samples, 0.5, seed),
        golden=Golden(1, ()),
        cam_exact=cam,
        aux_names=aux_names,
        training_data="None: the weights are random.",
    )
    true = replace(true, golden=golden_of(model, true))
    texts: dict[str, str | None] = dict(replace(true, **(card or {})).to_metadata())
    set_metadata(model, texts | dict(metadata or {}))
    if change is not None:
        change(model)
    path = folder / name
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def with_value(
    name: str, function: Callable[[NDArray[Any]], NDArray[Any]]
) -> Callable[[ModelProto], None]:
    """Return a change of `tiny_model` that puts other numbers into the weights of this name."""

    def change(model: ModelProto) -> None:
        (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(function(values).astype(values.dtype), name))

    return change


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def golden_of(model: ModelProto, card: Card) -> Golden:
    """Return what a model says of its golden pictures, catalog columns missing."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    images = golden_images(card.golden.seed, card.input.size_px)
    feed: dict[str, NDArray[Any]] = {"images": images}
    if card.aux_names:
        shape = (len(images), len(card.aux_names))
        feed |= {"aux": np.zeros(shape, np.float32), "aux_mask": np.zeros(shape, bool)}
    (alpha,) = session.run(["alpha"], feed)
    return Golden(card.golden.seed, rounded(alpha))


def set_metadata(model: ModelProto, texts: Mapping[str, str | None]) -> None:
    """Give a model these metadata and no others; a key with None is left out."""
    del model.metadata_props[:]
    helper.set_model_props(model, {key: text for key, text in texts.items() if text is not None})


def tiny_graph(
    tree: Tree,
    *,
    size_px: int = 32,
    seed: int = 0,
    channels: int = 8,
    samples: int = 4,
    n_aux: int = 0,
    cam: bool = True,
) -> ModelProto:
    """Return the network without a card."""
    k, cells = tree.n_answers, size_px // CELL_PX
    weights = _weights(k, seed, channels, samples, n_aux, cam=cam)
    dims: list[str | int | None] = ["N", size_px, size_px, 3]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, dims)]
    if n_aux:
        inputs.append(helper.make_tensor_value_info("aux", TensorProto.FLOAT, ["N", n_aux]))
        inputs.append(helper.make_tensor_value_info("aux_mask", TensorProto.BOOL, ["N", n_aux]))
    shapes: dict[str, list[Any]] = {
        "alpha": ["N", k],
        "alpha_mc": ["N", samples, k],
        "embedding": ["N", EMBEDDING_SIZE],
        "pooled": ["N", channels],
        "features": ["N", channels, cells, cells],
    }
    if cam:
        shapes["cam"] = ["N", k, cells, cells]
    graph = helper.make_graph(
        _nodes(has_aux=n_aux > 0, cam=cam),
        "tiny",
        inputs,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def _weights(
    k: int, seed: int, channels: int, samples: int, n_aux: int, *, cam: bool
) -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(seed)
    # Every channel weighs at most 1, so a white picture gives features of about 1.
    kernel = random.normal(size=(channels, 3, CELL_PX, CELL_PX)) / (3 * CELL_PX**2) ** 0.5
    kernel[0] = 1 / (3 * CELL_PX**2)
    head = random.normal(size=(channels, k))
    head[0, :2] = 4, -4
    kept = random.random((channels, samples, 1)) < 0.5
    kept[0] = True
    return {
        "white": np.float32(255),
        "one": np.float32(1),
        "hundred": np.float32(100),
        "tiny": np.float32(1e-6),
        "axes": np.array([2, 3]),
        "last": np.array([1]),
        "kernel": kernel.astype(np.float32),
        "head": head.astype(np.float32),
        "bias": np.full(k, -2, np.float32),
        "heads": (head[:, None] * kept).reshape(channels, -1).astype(np.float32),
        "by_sample": np.array([-1, samples, k]),
        "axes_of_embedding": random.normal(size=(channels, EMBEDDING_SIZE)).astype(np.float32),
        **({"head_of_cells": head.T[:, :, None, None].astype(np.float32)} if cam else {}),
        **({"head_of_aux": random.normal(size=(n_aux, k)).astype(np.float32)} if n_aux else {}),
    }


def _nodes(*, has_aux: bool, cam: bool) -> list[onnx.NodeProto]:
    def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs.split(), [output], name=output, **attributes)

    nodes = [
        node("Cast", "images", "numbers", to=TensorProto.FLOAT),
        node("Div", "numbers white", "unit"),
        node("Transpose", "unit", "channels_first", perm=[0, 3, 1, 2]),
        node("Conv", "channels_first kernel", "cells", strides=[CELL_PX] * 2),
        node("Relu", "cells", "features"),
        node("ReduceMean", "features axes", "pooled", keepdims=0),
        node("MatMul", "pooled head", "of_picture"),
    ]
    if has_aux:
        nodes += [
            node("Cast", "aux_mask", "known", to=TensorProto.FLOAT),
            node("Mul", "aux known", "aux_known"),
            node("MatMul", "aux_known head_of_aux", "of_aux"),
            node("Add", "of_picture of_aux", "seen"),
        ]
    nodes += [
        node("Add", f"{'seen' if has_aux else 'of_picture'} bias", "logits"),
        node("Sigmoid", "logits", "share"),
        node("Mul", "share hundred", "most"),
        node("Add", "most one", "alpha"),
        node("MatMul", "pooled heads", "flat_samples"),
        node("Reshape", "flat_samples by_sample", "samples"),
        node("Add", "samples bias", "logits_mc"),
        node("Sigmoid", "logits_mc", "share_mc"),
        node("Mul", "share_mc hundred", "most_mc"),
        node("Add", "most_mc one", "alpha_mc"),
        node("MatMul", "pooled axes_of_embedding", "projected"),
        node("ReduceL2", "projected last", "length", keepdims=1),
        node("Max", "length tiny", "divisor"),
        node("Div", "projected divisor", "embedding"),
    ]
    return [*nodes, node("Conv", "features head_of_cells", "cam")] if cam else nodes
