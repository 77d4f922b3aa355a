"""What a model file must not contain, whatever it computes. Sees the parsed file, runs nothing.

The whole file is walked, so no attribute, nested graph or function hides a part of it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from inference.errors import shown
from inference.vision.model_file import ModelRefused

_OLDEST_OPSET = 13
_DOMAINS = ("", "ai.onnx")  # two names of ONNX's own operators
_EXTERNAL = 1  # TensorProto.EXTERNAL
_BY_CONTENT = {
    b"PK\x03\x04": "a ZIP archive, as PyTorch's checkpoints are,",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x1f\x8b": "a gzip file",
}


def check_kind(content: bytes, name: str) -> None:
    """Raise ModelRefused for what is something else than ONNX by its first bytes."""
    kind = next((kind for magic, kind in _BY_CONTENT.items() if content.startswith(magic)), None)
    if content[:1] == b"\x80" and content[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        kind = "a pickle, which can run any code when it is opened,"
    if kind is not None:
        raise ModelRefused(
            f"{name} is {kind} by its content, and only ONNX is accepted: export the network with "
            f"`python -m training export`."
        )


def check_rules(model: Any, name: str, *, newest_opset: int) -> None:
    """Raise ModelRefused for what no model file needs, and some do harm with.

    Args:
        model: a parsed ONNX `ModelProto`.
        newest_opset: the newest version of ONNX's operators that is known here.
    """
    if not model.graph.node:
        raise ModelRefused(f"{name} holds no network: it is no ONNX model, or was cut off.")
    _check_opset(model.opset_import, name, newest_opset)
    for part in _parts(model):
        rule = _RULES.get(part.DESCRIPTOR.name)
        if rule is not None:
            rule(part, name)


def check_sizes(graph: Any, name: str, *, most: int) -> None:
    """Raise ModelRefused if one tensor is known to have more numbers than that."""
    for value in (*graph.value_info, *graph.output):
        n_numbers = 1
        for dimension in value.type.tensor_type.shape.dim:
            n_numbers *= dimension.dim_value or 1
        if n_numbers > most:
            raise ModelRefused(
                f"{name} makes a tensor {shown(value.name)} of {n_numbers:,} numbers, which is "
                f"more than fits into the memory it may use: export a smaller network."
            )


def _parts(model: Any) -> Iterator[Any]:
    """Yield every message in the file, whatever contains it."""
    waiting = [model]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else value)


def _check_opset(imports: Any, name: str, newest: int) -> None:
    foreign = [entry.domain for entry in imports if entry.domain not in _DOMAINS]
    if foreign:
        raise ModelRefused(_foreign_domain(name, foreign[0]))
    versions = [entry.version for entry in imports]
    if len(versions) != 1 or not _OLDEST_OPSET <= versions[0] <= newest:
        raise ModelRefused(
            f"{name} uses opset {', '.join(map(str, versions)) or 'none'}, and one from "
            f"{_OLDEST_OPSET} to {newest} is accepted: export it again with opset 20."
        )


def _check_node(node: Any, name: str) -> None:
    if node.domain not in _DOMAINS:
        raise ModelRefused(_foreign_domain(name, node.domain))
    if node.op_type in ("Loop", "If", "Scan") or any(
        attribute.HasField("g") or attribute.graphs for attribute in node.attribute
    ):
        raise ModelRefused(
            f"{name} contains {shown(node.op_type)}, which runs a graph inside the graph and may "
            f"never end: export the network without control flow."
        )


def _check_tensor(tensor: Any, name: str) -> None:
    if tensor.data_location == _EXTERNAL or tensor.external_data:
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        raise ModelRefused(
            f"{name} keeps the weights {shown(tensor.name)} in another file "
            f"({shown(places[0] if places else '')}), which is never read: export it as one file, "
            f"with external_data=False."
        )


def _refuse(words: str) -> Callable[[Any, str], None]:
    def rule(_: Any, name: str) -> None:
        raise ModelRefused(f"{name} contains {words}.")

    return rule


_RULES: dict[str, Callable[[Any, str], None]] = {
    "NodeProto": _check_node,
    "TensorProto": _check_tensor,
    "SparseTensorProto": _refuse("sparse weights: export it with dense ones"),
    "FunctionProto": _refuse("functions of its own: export it with all of them inlined"),
    "TrainingInfoProto": _refuse("a graph for training: export the network alone"),
}


def _foreign_domain(name: str, domain: str) -> str:
    return (
        f"{name} uses operators of the domain {shown(domain)}, and only ONNX's own are accepted: "
        f"export the network with standard operators."
    )
