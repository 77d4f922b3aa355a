"""What no model file may contain, wherever in the file it is."""

import pytest
from onnx import TensorProto, helper

from inference.formats.tree import load_built_in
from inference.vision.model_file import ModelRefused
from inference.vision.model_rules import check_kind, check_rules, check_sizes
from tests.inference.models import tiny_graph

NEWEST = 24


@pytest.fixture
def model():
    return tiny_graph(load_built_in("three-class"))


def refusal(model):
    with pytest.raises(ModelRefused) as caught:
        check_rules(model, "x.onnx", newest_opset=NEWEST)
    return str(caught.value)


def external(location, name="w"):
    """A tensor whose numbers are in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def graph_of(*nodes, **fields):
    return helper.make_graph(list(nodes), "inner", [], [], **fields)


def add(model, kind, **attributes):
    model.graph.node.append(helper.make_node(kind, [], ["new"], **attributes))


def test_a_good_model_breaks_no_rule(model):
    check_rules(model, "x.onnx", newest_opset=NEWEST)
    model.opset_import[0].domain = "ai.onnx"
    check_rules(model, "x.onnx", newest_opset=NEWEST)


@pytest.mark.parametrize("location", ["../x", "/etc/passwd", "sibling.bin", ""])
def test_weights_in_another_file_are_refused_wherever_it_is(model, location):
    model.graph.initializer.append(external(location))
    assert f"keeps the weights 'w' in another file ({location!r})" in refusal(model)


def test_a_tensor_that_only_names_another_file_is_refused(model):
    tensor = external("beside")
    tensor.data_location = TensorProto.DEFAULT
    model.graph.initializer.append(tensor)
    assert "in another file" in refusal(model)


def test_weights_in_another_file_are_found_in_attributes(model):
    add(model, "Constant", value=external("in-an-attribute"))
    assert "in-an-attribute" in refusal(model)


def test_weights_in_another_file_are_found_in_lists_of_attributes(model):
    add(model, "Anything", values=[external("in-a-list")])
    assert "in-a-list" in refusal(model)


def test_sparse_weights_are_refused(model):
    model.graph.sparse_initializer.add().values.CopyFrom(external("sparse"))
    assert "contains sparse weights" in refusal(model)


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "evil", " "])
def test_operators_of_another_domain_are_refused(model, domain):
    add(model, "Gelu", domain=domain)
    assert f"operators of the domain {domain!r}" in refusal(model)


def test_another_domain_that_is_only_imported_is_refused(model):
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert "'com.microsoft'" in refusal(model)


@pytest.mark.parametrize("opset", [0, 12, NEWEST + 1, 2**40])
def test_an_opset_out_of_range_is_refused(model, opset):
    model.opset_import[0].version = opset
    assert f"uses opset {opset}, and one from 13 to {NEWEST}" in refusal(model)


def test_two_opsets_and_none_are_refused(model):
    model.opset_import.append(helper.make_opsetid("ai.onnx", 19))
    assert "uses opset 20, 19" in refusal(model)
    del model.opset_import[:]
    assert "uses opset none" in refusal(model)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("Loop", {"body": graph_of()}),
        ("If", {"then_branch": graph_of(), "else_branch": graph_of()}),
        ("Scan", {"body": graph_of(), "num_scan_inputs": 1}),
        ("SequenceMap", {"body": graph_of()}),
        ("Anything", {"bodies": [graph_of(), graph_of()]}),
        ("Loop", {}),
    ],
)
def test_a_graph_inside_the_graph_is_refused(model, kind, attributes):
    add(model, kind, **attributes)
    assert f"contains '{kind}', which runs a graph inside the graph" in refusal(model)


def test_functions_are_refused_with_all_they_could_hide(model):
    custom = helper.make_node("Evil", ["a"], ["b"], domain="evil")
    model.functions.append(
        helper.make_function("", "F", ["a"], ["b"], [custom], [helper.make_opsetid("", 20)])
    )
    assert "functions of its own" in refusal(model)


def test_a_graph_for_training_is_refused(model):
    model.training_info.add().algorithm.CopyFrom(graph_of(initializer=[external("hidden")]))
    assert "a graph for training" in refusal(model)


def test_a_model_without_a_network_is_refused(model):
    del model.graph.node[:]
    assert "holds no network" in refusal(model)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", "a pickle, which can run any code"),
        (b"\x80\x02}q\0.", "a pickle"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive, as PyTorch's checkpoints are,"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_other_files_are_refused_by_what_they_are(content, words):
    with pytest.raises(ModelRefused, match="and only ONNX is accepted") as caught:
        check_kind(content, "x.onnx")
    assert f"x.onnx is {words}" in str(caught.value)


def test_a_model_is_no_other_kind_of_file(model):
    check_kind(model.SerializeToString(), "x.onnx")


def test_a_tensor_is_refused_by_how_many_numbers_it_is_known_to_have(model):
    def value(*dims):
        return graph_of(value_info=[helper.make_tensor_value_info("huge", 1, dims)])

    check_sizes(value("N", 1000, 1000), "x.onnx", most=1_000_000)
    with pytest.raises(ModelRefused, match=r"tensor 'huge' of 1,001,000 numbers"):
        check_sizes(value("N", 1000, 1001), "x.onnx", most=1_000_000)
