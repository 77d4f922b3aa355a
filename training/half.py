"""A model file whose trunk computes in 16 bits, half the size and faster on GPUs.

The normalization before it and everything behind it stay in 32 bits: a concentration of 101 would
be known to 0.06 in 16 bits, and an exponential function could leave their range.
"""

from collections.abc import Iterable

import onnx
import onnx_ir
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto
from onnxruntime.transformers.float16 import convert_float_to_float16

from inference.vision.session import FEATURES, POOLED

_WEIGHTY = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def to_half(model: ModelProto) -> ModelProto:
    """Return the model with the trunk in 16 bits; its inputs and outputs keep their types."""
    nodes = list(model.graph.node)
    trunk = _trunk(nodes)
    inside = [node for node in nodes if node.name in trunk]
    outside = [node for node in nodes if node.name not in trunk]
    # Alone, the trunk is what the converter is made for. Left in the model, it would round what
    # passes between any two nodes to 16 bits, those it was told to leave alone included.
    half = convert_float_to_float16(_alone(model, inside, outside), keep_io_types=True).graph
    weights = [tensor for tensor in model.graph.initializer if tensor.name in _needed(outside)]
    joined = ModelProto()
    joined.CopyFrom(model)
    del joined.graph.node[:], joined.graph.initializer[:], joined.graph.value_info[:]
    joined.graph.node.extend([*outside, *half.node])
    joined.graph.initializer.extend([*weights, *half.initializer])
    # A graph lists nodes in the order they run.
    sortable = onnx_ir.from_proto(joined)
    sortable.graph.sort()
    ordered: ModelProto = onnx_ir.to_proto(sortable)
    return ordered


def _trunk(nodes: list[NodeProto]) -> set[str]:
    """Return the names of the nodes from the first weights to the last map.

    A neck with weights belongs to it as well; one that only takes a mean does not.
    """
    seeing, summing = _behind(nodes, FEATURES), _behind(nodes, POOLED)
    neck = summing - seeing
    has_weights = any(node.name in neck and node.op_type in _WEIGHTY for node in nodes)
    wanted = summing if has_weights else seeing
    found: set[str] = set()
    reached: set[str] = set()
    for node in nodes:  # in the order they run
        is_reached = node.op_type in _WEIGHTY or not reached.isdisjoint(node.input)
        if node.name in wanted and is_reached:
            found.add(node.name)
            reached.update(node.output)
    return found


def _behind(nodes: list[NodeProto], output: str) -> set[str]:
    """Return the names of the nodes that a value is computed by."""
    needed, found = {output}, set()
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            found.add(node.name)
            needed.update(node.input)
    return found


def _alone(model: ModelProto, inside: list[NodeProto], outside: list[NodeProto]) -> ModelProto:
    """Return some nodes as a model of their own, sharing no weights with the others."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value for value in (*graph.input, *graph.value_info, *graph.output)}
    weights = {tensor.name for tensor in graph.initializer}
    made = {name for node in inside for name in node.output}
    wanted = _needed(outside) | {value.name for value in model.graph.output}
    part = GraphProto(name="trunk")
    part.node.extend(inside)
    part.input.extend(_values(types, _needed(inside) - made - weights))
    part.output.extend(_values(types, made & wanted))
    shared = weights & _needed(inside) & _needed(outside)
    own = {name: f"{name}_of_trunk" for name in shared}
    for node in part.node:
        node.input[:] = [own.get(name, name) for name in node.input]
    for tensor in graph.initializer:
        if tensor.name in _needed(inside):
            part.initializer.add().CopyFrom(tensor)
            part.initializer[-1].name = own.get(tensor.name, tensor.name)
    return onnx.helper.make_model(
        part, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def _needed(nodes: Iterable[NodeProto]) -> set[str]:
    return {name for node in nodes for name in node.input if name}


def _values(types: dict[str, ValueInfoProto], names: set[str]) -> list[ValueInfoProto]:
    return [types[name] for name in sorted(names)]
