"""What the checking child accepts and refuses, asked as everybody does, through check.py."""

import json
import random
import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inference.formats.golden import golden_images, rounded
from inference.formats.tree import Tree, load_built_in
from inference.vision import check as check_module
from inference.vision.check import answers_differ, check_content, check_model
from inference.vision.child import Child
from inference.vision.model_file import ModelRefused
from inference.vision.session import Session
from tests.inference.models import set_metadata, sha256_of, tiny_model
from tests.inference.vision.strangers import (
    node,
    numbers,
    put_before,
    refusal,
    replace_weights,
    written,
)

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("quick")]


class OneChild:
    """Stands for `Child` and keeps one process for many files, as each takes half a second."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._child = None

    def __call__(self, module, arguments, *, folder):
        if self._child is None or not self._child.is_alive:
            self.close()
            self._child = Child(module, arguments, folder=self._folder.name)
        self.send, self.reply = self._child.send, self._child.reply
        return self

    def kill(self):
        """Keep it for the next file."""

    def close(self):
        if self._child is not None:
            self._child.kill()


@pytest.fixture(scope="module")
def one_child():
    child = OneChild()
    yield child
    child.close()
    child._folder.cleanup()


@pytest.fixture
def quick(monkeypatch, one_child):
    monkeypatch.setattr(check_module, "Child", one_child)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tree": "galaxy-zoo-2", "size_px": 64},
        {"cam": False},
        {"aux_names": ("mag-r", "redshift")},
        {"samples": 1, "channels": 1},
    ],
)
def test_a_good_model_is_accepted_with_what_its_card_says(tmp_path, options):
    path = tiny_model(tmp_path, **options)
    checked = check_model(path)
    assert (checked.sha256, checked.n_bytes) == (sha256_of(path), path.stat().st_size)
    assert checked.card == Session.open(path, gpu="off", warm=False).card
    assert checked.outputs[:5] == ("alpha", "alpha_mc", "embedding", "pooled", "features")
    assert checked.provider == "CPUExecutionProvider"
    assert 0 < checked.seconds < 60


def test_the_tree_is_compared_by_key(tmp_path):
    tree = load_built_in("three-class")
    path = tiny_model(tmp_path, tree=tree)
    document = json.loads(tree.to_json())
    document |= {"title": "Another title", "campaign": "another"}
    first = document["questions"][0]
    first |= {"text": "Another text?", "answers": first["answers"][::-1]}
    reworded = Tree.parse(document)
    assert reworded != tree
    assert check_model(path, tree=reworded).card.tree == tree


def test_another_tree_is_refused_with_every_difference(tmp_path):
    menu = {
        "format": 1,
        "key": "menu",
        "title": "Menu",
        "questions": [
            {
                "key": key,
                "text": "Which?",
                "kind": kind,
                "next": None,
                "answers": [{"key": answer, "label": "It"} for answer in answers],
            }
            for key, kind, answers in [
                ("parts", "multiple", ["ring", "bar", "dust"]),
            ]
        ],
    }
    wanted = json.loads(json.dumps(menu))
    wanted["questions"][0]["answers"][1:] = [{"key": "lens", "label": "It"}]
    path = tiny_model(tmp_path, tree=Tree.parse(menu))
    assert refusal(path, tree=Tree.parse(wanted)) == (
        'model.onnx is about another tree than "menu" (it lacks parts.lens; it has besides '
        "parts.bar, parts.dust): use a network that was trained for this tree."
    )
    wanted = json.loads(json.dumps(menu))
    question = wanted["questions"][0]
    del question["next"]
    question["kind"] = "single"
    for answer in question["answers"]:
        answer["next"] = None
    assert "(it takes for another kind of choice parts)" in refusal(path, tree=Tree.parse(wanted))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not protobuf at all, but a text", "is no ONNX model, or a damaged one"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x08builtins", "is a pickle, which can run any code"),
        (b"PK\x03\x04" + bytes(500), "is a ZIP archive, as PyTorch's checkpoints are"),
        (b"\x08\x0a", "holds no network"),
        (bytes(1000), "is no ONNX model"),
    ],
)
def test_what_is_no_model_is_refused_by_its_content(tmp_path, content, words):
    assert words in refusal(written(tmp_path, content))


def test_many_differences_are_counted_and_not_all_named():
    differences = answers_differ(load_built_in("three-class"), load_built_in("galaxy-zoo-2"))
    assert differences.startswith("it lacks smooth-or-featured.smooth, ")
    assert differences.count("odd-feature.") == 0
    assert " and 29 more" in differences
    assert answers_differ(load_built_in("galaxy-zoo-2"), load_built_in("galaxy-zoo-2")) == ""


def test_content_is_checked_as_a_file_of_that_name(tmp_path):
    content = tiny_model(tmp_path).read_bytes()
    assert check_content(content, "theirs.onnx").sha256 == sha256_of(tmp_path / "model.onnx")
    with pytest.raises(ModelRefused, match=r"theirs\.onnx is no ONNX model"):
        check_content(content[:-100], "theirs.onnx")


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    content = tiny_model(tmp_path).read_bytes()
    for n_bytes in range(1, len(content), len(content) // 40):
        assert refusal(written(tmp_path, content[:n_bytes]))


def test_a_file_with_flipped_bits_is_refused_or_still_gives_its_golden_outputs(tmp_path):
    content = tiny_model(tmp_path).read_bytes()
    dice = random.Random(1)
    outcomes = []
    for _ in range(150):
        flipped = bytearray(content)
        for place in dice.choices(range(8 * len(content)), k=dice.choice([1, 1, 2, 10])):
            flipped[place // 8] ^= 1 << place % 8
        path = written(tmp_path, flipped)
        try:
            check_model(path)
        except ModelRefused as refused:
            outcomes.append(str(refused))
        else:
            Session.open(path, gpu="off", warm=False)  # which tries the golden pictures again
            outcomes.append("")
    assert 20 < outcomes.count("") < 130
    assert not any("ended the process" in outcome for outcome in outcomes)


def test_a_field_that_the_parser_does_not_know_is_refused(tmp_path):
    content = tiny_model(tmp_path).read_bytes()
    assert "has fields that onnx" in refusal(written(tmp_path, content + b"\xf8\x3f\x01"))


@pytest.mark.parametrize("location", ["../x", "{folder}/absolute", "sibling"])
def test_weights_in_another_file_are_never_read(tmp_path, location):
    location = location.format(folder=tmp_path)

    def change(model):
        kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
        place = tmp_path / location
        place.write_bytes(kernel.raw_data)
        onnx.external_data_helper.set_external_data(kernel, location)
        kernel.ClearField("raw_data")

    (tmp_path / "folder").mkdir()
    path = tiny_model(tmp_path / "folder" if location == "../x" else tmp_path, change=change)
    assert "keeps the weights 'kernel' in another file" in refusal(path)


def endless_loop(model):
    body = helper.make_graph(
        [node("Identity", "go", "go_on"), node("Add", "state step", "next")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
        [numbers("step", np.float32(0))],
    )
    put_before(
        "alpha",
        helper.make_node("Loop", ["turns", "true", "raw"], ["alpha"], body=body),
        weights=[
            numbers("turns", np.int64(2**40)),
            numbers("true", np.array(object=1, dtype=bool)),
        ],
    )(model)


GIANT = np.array([160_000, 100_000])  # 64 GB of float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (endless_loop, "contains 'Loop', which runs a graph inside the graph and may never end"),
        (
            put_before("alpha", node("Gelu", "raw", "alpha", domain="com.microsoft")),
            "operators of the domain 'com.microsoft'",
        ),
        (
            put_before(
                "alpha",
                node("ConstantOfShape", "giant", "zeros"),
                node("ReduceMax", "zeros", "zero", keepdims=0),
                node("Add", "raw zero", "alpha"),
                weights=[numbers("giant", GIANT)],
            ),
            "makes a tensor 'zeros' of 16,000,000,000 numbers",
        ),
        (
            # The shape is only known once it runs: ones of the input's rank times the giant.
            put_before(
                "alpha",
                node("Shape", "raw", "shape"),
                node("Div", "shape shape", "ones"),
                node("Mul", "ones giant", "wanted"),
                node("ConstantOfShape", "wanted", "zeros"),
                node("ReduceMax", "zeros", "zero", keepdims=0),
                node("Add", "raw zero", "alpha"),
                weights=[numbers("giant", GIANT)],
            ),
            "needs more than 4,000 MB of memory",
        ),
        (replace_weights("head", np.nan), "no finite"),
        (replace_weights("heads", np.nan), "gives alpha_mc with values that are"),
        (replace_weights("one", -200), "gives alpha down to -"),
        (replace_weights("bias", 5), "says something else of its golden pictures"),
        (
            put_before(
                "alpha",
                node("RandomNormalLike", "raw", "noise", scale=1e-3),
                node("Add", "raw noise", "alpha"),
            ),
            "gives another alpha for the same pictures the second time",
        ),
        (
            put_before(
                "cam",
                node("MaxPool", "raw", "cam", kernel_shape=[2, 2], strides=[2, 2]),
            ),
            "rules of ONNX",
        ),
        (lambda model: model.graph.output.pop(1), "lacks the output alpha_mc"),
        (lambda model: model.graph.input.pop(), "rules of ONNX"),
        (lambda model: model.graph.node.pop(3), "rules of ONNX"),
    ],
)
def test_a_model_that_is_dangerous_or_unsound_is_refused(tmp_path, change, words):
    assert words in refusal(tiny_model(tmp_path, change=change))


def coarse_cam(model):
    (cam,) = [output for output in model.graph.output if output.name == "cam"]
    for dimension, symbol in zip(cam.type.tensor_type.shape.dim[2:], "hw", strict=True):
        dimension.dim_param = symbol
    put_before("cam", node("MaxPool", "raw", "cam", kernel_shape=[2, 2], strides=[2, 2]))(model)


def test_a_shape_that_differs_only_in_what_comes_out_is_refused(tmp_path):
    sentence = refusal(tiny_model(tmp_path, size_px=64, change=coarse_cam))
    assert "gives cam of the shape (4, 4, 8, 8)" in sentence
    assert "want (4, 4, 16, 16)" in sentence


def test_a_card_of_another_tree_or_none_is_refused(tmp_path):
    other = tiny_model(tmp_path, name="other.onnx", tree="galaxy-zoo-2")
    texts = {entry.key: entry.value for entry in onnx.load(other).metadata_props}
    path = tiny_model(tmp_path, change=lambda model: set_metadata(model, texts))
    assert "has the output alpha of tensor(float) ['N', 4]" in refusal(path)
    path = tiny_model(tmp_path, change=lambda model: set_metadata(model, {}))
    assert "has no usable card" in refusal(path)


def test_a_network_that_looks_at_other_pictures_of_the_batch_is_refused(tmp_path, monkeypatch):
    change = put_before(
        "alpha",
        node("ReduceSum", "raw zeroth", "sum", keepdims=1),
        node("Mul", "sum hundredth", "others"),
        node("Add", "raw others", "alpha"),
        weights=[numbers("zeroth", np.array([0])), numbers("hundredth", np.float32(0.01))],
    )
    path = tiny_model(tmp_path, change=change)
    assert "of its golden pictures" in refusal(path)
    # Somebody could write a card that agrees with it.
    monkeypatch.setattr(Session, "check_golden", lambda session: None)
    session = Session.open(path, gpu="off", warm=False)
    golden = session.card.golden
    alpha = session.run(golden_images(golden.seed, session.card.input.size_px))["alpha"]
    agreeing = json.dumps({"seed": golden.seed, "alpha": rounded(alpha)})
    path = tiny_model(tmp_path, change=change, metadata={"gz.golden": agreeing})
    assert "says something else of a picture alone than among others" in refusal(path)


def test_a_name_with_control_characters_makes_no_second_line(tmp_path):
    path = tmp_path / "a\nb\x1b[31m.onnx"
    path.write_bytes(b"no model")
    assert r"'a\nb\x1b[31m.onnx' is no ONNX model" in refusal(path)
