"""Model files that are damaged, or do not keep the contract, are refused in one sentence."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inference.formats.card import InputSpec, Masks
from inference.formats.tree import load_built_in
from inference.vision.contract import words_of
from inference.vision.model_file import ModelRefused
from inference.vision.runtime import onnxruntime
from inference.vision.session import Session
from tests.inference.models import sha256_of, tiny_model, with_value


def refusal(path, **options):
    with pytest.raises(ModelRefused) as caught:
        Session.open(path, threads=1, gpu="off", **options)
    text = str(caught.value)
    assert "\n" not in text
    assert "onnxruntime::" not in text
    assert len(text) < 500
    return text


# Files that are no model, or a damaged one


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tiny_model(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "model.onnx cannot be loaded as an ONNX model" in refusal(path)


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n" + bytes(99), bytes(1000)])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    assert "a.onnx" in refusal(tmp_path / "a.onnx")


def test_an_empty_a_missing_and_a_huge_file_are_refused(tmp_path):
    (tmp_path / "empty.onnx").touch()
    assert "empty" in refusal(tmp_path / "empty.onnx")
    assert "No such file" in refusal(tmp_path / "missing.onnx")
    assert "folder" in refusal(tmp_path)


def test_no_flipped_bit_is_more_than_a_refusal(tmp_path):
    path = tiny_model(tmp_path)
    good = path.read_bytes()
    n_refused = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        bad = bytearray(good)
        bad[random.integers(len(bad))] ^= 1 << random.integers(8)
        path.write_bytes(bad)
        try:
            Session.open(path, threads=1, gpu="off", warm=False)
        except ModelRefused:
            n_refused += 1
            refusal(path)
    assert n_refused > 20  # the others are in texts, or in weights that hardly changed


def test_every_flipped_bit_is_refused_where_the_hash_is_known(tmp_path):
    path = tiny_model(tmp_path)
    expected = sha256_of(path)
    assert Session.open(path, threads=1, expected_sha256=expected).sha256 == expected
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    text = refusal(path, expected_sha256=expected)
    assert f"{expected[:12]} is expected" in text


def test_metadata_that_are_no_text_are_refused(tmp_path):
    path = tiny_model(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"tiny-0", b"tiny-\xff"))
    assert "no UTF-8" in refusal(path)


def test_weights_in_another_file_are_not_read_even_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def outsource(model):
        tensor = next(t for t in model.graph.initializer if t.name == "kernel")
        (tmp_path / "weights").write_bytes(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "weights"

    path = tiny_model(tmp_path, change=outsource)
    onnxruntime.InferenceSession(path.read_bytes())  # the runtime would
    assert "xternal data" in refusal(path)


def test_an_operator_of_a_strange_domain_is_refused(tmp_path):
    def change(model):
        model.graph.node[-1].domain = "com.example"
        model.opset_import.append(helper.make_opsetid("com.example", 1))

    assert "cannot be loaded" in refusal(tiny_model(tmp_path, change=change))


# Files that do not keep the contract


def renamed(kind, old, new):
    def change(model):
        (value,) = [v for v in getattr(model.graph, kind) if v.name == old]
        for node in model.graph.node:
            names = node.output if kind == "output" else node.input
            names[:] = [new if name == old else name for name in names]
        if kind == "output":
            for node in model.graph.node:
                node.input[:] = [new if name == old else name for name in node.input]
        value.name = new

    return change


def without_output(name):
    def change(model):
        outputs = [output for output in model.graph.output if output.name != name]
        del model.graph.output[:]
        model.graph.output.extend(outputs)

    return change


def more_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, [1]))


def fixed_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = 8


def float_images(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"change": renamed("input", "images", "pictures")}, "lacks the input images"),
        ({"change": renamed("output", "alpha", "beta")}, "lacks the output alpha"),
        ({"change": without_output("embedding")}, "lacks the output embedding"),
        ({"change": without_output("features")}, "lacks the output features"),
        ({"change": without_output("cam")}, "lacks the output cam"),
        ({"cam": False, "card": {"cam_exact": True}}, "lacks the output cam"),
        ({"change": more_inputs}, "wants the input 'extra'"),
        ({"change": fixed_batch}, r"has the input images of .* want tensor\(uint8\) \['N'"),
        ({"change": float_images}, r"images of tensor\(float\)"),
        ({"card": {"input": InputSpec(48)}}, r"want tensor\(uint8\) \['N', 48, 48, 3\]"),
        ({"card": {"masks": Masks(5, 0.5, 0)}}, r"alpha_mc of .* \['N', 5, 4\]"),
        ({"card": {"aux_names": ("mag_r",)}}, "lacks the input aux"),
    ],
)
def test_a_graph_that_its_card_does_not_describe_is_refused(tmp_path, options, words):
    text = refusal(tiny_model(tmp_path, **options))
    assert re.search(words, text), text


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"gz.contract": None}, "lack gz.contract"),
        ({"gz.contract": "2"}, "follows contract '2'"),
        ({"gz.schema": "{}"}, "gz.schema"),
        ({"gz.golden": "nonsense"}, "gz.golden"),
    ],
)
def test_a_file_without_a_usable_card_is_refused(tmp_path, metadata, words):
    text = refusal(tiny_model(tmp_path, metadata=metadata))
    assert text.startswith("model.onnx has no usable card. ")
    assert words in text


def test_a_tree_of_more_answers_than_the_network_has_is_refused(tmp_path):
    other = tiny_model(tmp_path, tree="galaxy-zoo-2", name="other.onnx")
    card = {p.key: p.value for p in onnx.load(other).metadata_props}
    stolen = {key: card[key] for key in ("gz.schema", "gz.golden")}
    n_answers = load_built_in("galaxy-zoo-2").n_answers
    assert f"['N', {n_answers}]" in refusal(tiny_model(tmp_path, metadata=stolen))


# Files that keep the contract's form and not its meaning


@pytest.mark.parametrize("name", ["head", "kernel", "bias"])
def test_other_weights_are_found_out_by_the_golden_pictures(tmp_path, name):
    path = tiny_model(tmp_path, change=with_value(name, lambda values: values * 1.2 + 0.05))
    assert "says something else of its golden pictures than its card does" in refusal(path)


@pytest.mark.parametrize(("name", "output"), [("heads", "alpha_mc"), ("axes_of_embedding", "emb")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, name, output):
    path = tiny_model(tmp_path, change=with_value(name, lambda values: values * np.nan))
    assert f"gives no finite {output}" in refusal(path)


def test_what_the_runtime_says_is_shown_without_its_source_code():
    said = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Cast node. "
        "Status Message: /src/onnxruntime/core/bfc_arena.cc:360 void* onnxruntime::BFCArena::"
        "AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate\nmemory"
    )
    assert words_of(RuntimeError(said)) == (
        "Non-zero status code returned while running Cast node. Status Message: Failed to allocate "
        "memory"
    )
    assert words_of(RuntimeError("x" * 999)) == "x" * 119 + "…"
    assert words_of(MemoryError()) == "MemoryError"
