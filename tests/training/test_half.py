import copy
from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from inference.vision.session import Session
from tests.training.exported import KINDS, exported, pictures
from training.half import to_half
from training.parity import ParityFailed, check_content, probes

ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def with_precision(model):
    """Say in the card what the graph now is."""
    for entry in model.metadata_props:
        entry.value = entry.value.replace('"precision": "float32"', '"precision": "float16"')
    return model.SerializeToString()


def half_of(kind):
    return to_half(exported(kind).model)


def kinds_of_weights(model):
    """Return the types of the floating weights that each operator reads."""
    weights = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    found: dict[str, list[bool]] = {}
    for node in model.graph.node:
        for name in node.input:
            if weights.get(name) in (TensorProto.FLOAT, TensorProto.FLOAT16):
                found.setdefault(node.op_type, []).append(weights[name] == TensorProto.FLOAT16)
    return found


@ALL_KINDS
def test_half_says_nearly_what_pytorch_says(kind):
    made, content = exported(kind), with_precision(half_of(kind))
    found = check_content(made.network, content, "h.onnx", pictures(), projection=made.projection)
    assert 1e-3 < found < 1  # it is not the same file either


@ALL_KINDS
def test_half_keeps_inputs_outputs_and_onnx_alone(kind):
    before, model = exported(kind).model, half_of(kind)
    onnx.checker.check_model(model, full_check=True)
    for part in ("input", "output"):
        one, other = getattr(before.graph, part), getattr(model.graph, part)
        assert [(v.name, v.type.tensor_type.elem_type) for v in one] == [
            (v.name, v.type.tensor_type.elem_type) for v in other
        ]
    assert {entry.domain for entry in model.opset_import} == {""}
    assert {node.domain for node in model.graph.node} == {""}


@ALL_KINDS
def test_numbers_change_their_precision_only_where_the_trunk_begins_and_ends(kind):
    casts = {k: Counter(n.op_type for n in m.graph.node)["Cast"] for k, m in (
        ("before", exported(kind).model), ("after", half_of(kind)),
    )}  # fmt: skip
    ends = {"textbook": 3}  # its features and its dense layer's output, both served
    assert casts["after"] - casts["before"] == ends.get(kind, 2)


def test_trunk_has_16_bits_and_what_follows_32():
    found = kinds_of_weights(half_of("softplus"))
    assert found["Conv"] == [True] * 12 + [False]  # weight and bias each; cam has the head's weight
    for operator in ("Gemm", "MatMul", "Sub", "Div", "Clip"):
        assert not any(found[operator]), operator
    dense = kinds_of_weights(half_of("textbook"))["Gemm"]
    assert sorted(dense) == [False, False, True, True]  # the neck is wide, the head is the head


def test_half_is_about_half_as_large():
    before, after = len(exported("textbook").content), len(half_of("textbook").SerializeToString())
    assert after < 0.6 * before


def test_concentrations_beyond_16_bits_come_out():
    made = exported("categorical")
    model = made.model
    span = next(q for q in made.network.tree.questions if not q.is_single).span
    for tensor in model.graph.initializer:
        if tensor.name.endswith("head.bias"):
            bias = numpy_helper.to_array(tensor).copy()
            bias[span.start] = 50  # clamped to e**10, ten of which are 220,265
            tensor.CopyFrom(numpy_helper.from_array(bias, tensor.name))
    session = onnxruntime.InferenceSession(to_half(model).SerializeToString())
    (alpha,) = session.run(["alpha"], {"images": pictures()})
    np.testing.assert_allclose(alpha[:, span.start], 10 * np.exp(10), rtol=1e-5)


def test_weights_too_small_for_16_bits_fail_the_gate_quietly(recwarn):
    made = exported("textbook")
    model = scaled(made.network, made.model, [1e-6, 1, 1e6])[1]
    with pytest.raises(ParityFailed, match=r"times as far .*; export it in float32"):
        check_content(made.network, with_precision(to_half(model)), "h.onnx", pictures())
    assert not recwarn.list


def test_what_a_gpu_could_not_hold_fails_though_a_processor_can():
    made = exported("textbook")
    changed, model = scaled(made.network, made.model, [3e5, 1e2 / 3e5, 1e-2])
    content = with_precision(to_half(model))
    session = onnxruntime.InferenceSession(content)
    (alpha,) = session.run(["alpha"], {"images": pictures()})
    with torch.inference_mode():
        ours = made.network(torch.from_numpy(pictures())).numpy()
    np.testing.assert_allclose(alpha, ours, rtol=0.02)
    with pytest.raises(ParityFailed, match="in a batch of 72, is not finite; export it in float32"):
        check_content(changed, content, "h.onnx", pictures())


def scaled(made, model, factors):
    """Scale the layers of a network and of its file so that what they say stays the same."""
    made, total = copy.deepcopy(made), 1.0
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for layer, factor in enumerate(factors):
        total *= factor
        convolution = made.trunk[layer][0]
        convolution.weight.data *= factor
        convolution.bias.data *= total
        for name in ("weight", "bias"):
            values = getattr(convolution, name).detach().numpy()
            tensor = tensors[f"network.trunk.{layer}.0.{name}"]
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    assert total == pytest.approx(1)
    return made, model


def test_weights_that_trunk_and_head_share_stay_exact_in_the_head():
    shared = numpy_helper.from_array(np.full((4, 4), 0.1, np.float32), "shared")
    kernel = numpy_helper.from_array(np.eye(4, dtype=np.float32)[..., None, None], "kernel")
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["seen"], name="conv"),
        helper.make_node("Mul", ["seen", "shared"], ["features"], name="inside"),
        helper.make_node("ReduceMean", ["features"], ["pooled"], name="mean", keepdims=0),
        helper.make_node("Mul", ["pooled", "shared"], ["alpha"], name="outside"),
    ]
    shapes: dict[str, list[Any] | None] = {
        "images": ["N", 4, 4, 4],
        "features": ["N", 4, 4, 4],
        "pooled": None,
        "alpha": [4, 4],
    }
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [shared, kernel])
    opset = helper.make_opsetid("", 20)
    half = to_half(helper.make_model(graph, opset_imports=[opset], ir_version=10))
    session = onnxruntime.InferenceSession(half.SerializeToString())
    pooled, alpha, features = session.run(
        ["pooled", "alpha", "features"], {"images": np.ones((2, 4, 4, 4), np.float32)}
    )
    assert (features == np.float32(np.float16(0.1))).all()
    np.testing.assert_array_equal(alpha, np.full((4, 4), pooled * np.float32(0.1)))


def test_exported_half_loads_on_a_processor_and_says_what_it_is(tmp_path):
    made = exported("softplus", half=True)
    (tmp_path / "half.onnx").write_bytes(made.content)
    session = Session.open(tmp_path / "half.onnx", gpu="off", warm=False)
    assert session.card.precision == "float16"
    said = session.run(probes(made.network, pictures())["images"])
    assert np.isfinite(said["alpha"]).all()
    assert said["alpha_mc"].dtype == np.float32
    assert b"site-packages" not in made.content
    assert b".py" not in made.content
    assert with_precision(half_of("softplus")) != exported("softplus").content
