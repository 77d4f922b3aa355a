import json
import logging
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from inference.formats.card import Masks
from inference.formats.golden import golden_images
from inference.vision.session import SCORING, Session
from tests.training import sky
from tests.training.exported import KINDS, SMALL, exported, network, pictures, write
from training import export_onnx
from training.export_onnx import ExportRefused, draft_card
from training.model import build
from training.parity import ParityFailed, probes
from training.served import drawn_masks

CHECKOUT = Path(__file__).resolve().parents[2]
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def run(kind, feed=None):
    """Return what a model file says of 72 pictures, by output."""
    session = onnxruntime.InferenceSession(exported(kind).content)
    names = [output.name for output in session.get_outputs()]
    feed = feed or probes(exported(kind).network, pictures())
    return dict(zip(names, session.run(names, feed), strict=True))


def open_session(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    return Session.open(tmp_path / "model.onnx", gpu="off", warm=False)


def broken(monkeypatch, kind, weight, change):
    """Let the exporter make a file in which one tensor is wrong."""
    model = exported(kind).model
    del model.metadata_props[:]
    (tensor,) = (t for t in model.graph.initializer if t.name.endswith(weight))
    values = change(onnx.numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    monkeypatch.setattr(export_onnx, "_traced", lambda served, network: model)


@ALL_KINDS
def test_file_has_the_inputs_and_outputs_of_the_contract_in_order(kind):
    model, made = exported(kind).model, exported(kind).network
    outputs = ["alpha", "alpha_mc", "embedding", "pooled", "features"]
    inputs = ["images"] if kind != "aux" else ["images", "aux", "aux_mask"]
    assert [output.name for output in model.graph.output] == (
        outputs if kind in ("aux", "textbook") else [*outputs, "cam"]
    )
    assert [value.name for value in model.graph.input] == inputs
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param, f"{value.name} has a fixed batch"
    said = run(kind)
    n, k = 72, made.tree.n_answers
    assert said["alpha"].shape == (n, k)
    assert said["alpha"].dtype == np.float32
    assert (said["alpha"] > 0).all()
    assert said["alpha_mc"].shape == (n, 8, k)
    assert said["embedding"].shape == (n, 128)
    assert said["pooled"].shape == (n, made.channels)
    assert said["features"].shape[0] == n
    assert said["features"].ndim == 4


@ALL_KINDS
def test_samples_are_the_head_under_each_mask_in_turn(kind):
    made = exported(kind).network
    feed = probes(made, pictures())
    tensors = [torch.from_numpy(values) for values in feed.values()]
    masks = drawn_masks(made.head.in_features, Masks(8, made.config.dropout, made.config.seed))
    with torch.inference_mode():
        summary = made.summary(made.features(made.unit(tensors[0])), *tensors[1:])
        for sample, mask in enumerate(masks):
            kept = summary * mask / (1 - made.config.dropout)
            expected = made.alpha_of(made.head(kept)).numpy()
            np.testing.assert_allclose(
                run(kind)["alpha_mc"][:, sample], expected, rtol=1e-4, atol=1e-4
            )


@ALL_KINDS
def test_embedding_is_the_unit_vector_of_the_projected_features(kind):
    said, projection = run(kind), exported(kind).projection
    projected = (said["pooled"] - projection.mean) @ projection.matrix
    expected = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(said["embedding"], expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(said["embedding"], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["softplus", "categorical", "foreign"])
def test_class_activation_averages_to_the_logits(kind):
    said, made = run(kind), exported(kind).network
    logits = said["cam"].mean((2, 3)) + made.head.bias.detach().numpy()
    with torch.inference_mode():
        alpha = made.alpha_of(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(said["alpha"], alpha, rtol=1e-4)
    np.testing.assert_allclose(said["pooled"], said["features"].mean((2, 3)), atol=1e-5)


def test_columns_that_are_missing_count_as_such_whatever_stands_there():
    feed = probes(exported("aux").network, pictures())
    one = run("aux", feed)["alpha"]
    other = feed | {"aux": np.where(feed["aux_mask"], feed["aux"], 1e30).astype(np.float32)}
    np.testing.assert_array_equal(one, run("aux", other)["alpha"])
    known = feed | {"aux_mask": np.ones_like(feed["aux_mask"]), "aux": np.nan_to_num(feed["aux"])}
    assert np.abs(one - run("aux", known)["alpha"]).max() > 0.01


@ALL_KINDS
def test_file_names_no_source(kind):
    content, model = exported(kind).content, exported(kind).model
    for word in (str(CHECKOUT), "site-packages", ".py", "pkg.torch", "/tmp", "forward", "lineno"):
        assert word.encode() not in content, word
    graph = model.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        assert not part.metadata_props
        assert not part.doc_string


@ALL_KINDS
def test_file_uses_nothing_but_onnx(kind):
    model = exported(kind).model
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} == {""}
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_graph_has_nothing_that_only_training_needs():
    kinds = Counter(node.op_type for node in exported("softplus").model.graph.node)
    assert kinds.pop("Conv") == 1 + 2 + 3 + 1  # stem, two blocks, one with a shortcut, and cam
    assert kinds.keys() == {
        "Transpose", "Cast", "Div", "Clip", "Sqrt", "Sub",  # pictures to numbers
        "Relu", "Add", "ReduceMean", "Gemm",  # the network, its normalization folded in
        "MatMul", "Reshape",  # samples and projection
        "Softplus", "Greater", "Where", "Mul",  # concentrations
        "Pow", "ReduceSum",  # unit length
    }  # fmt: skip


def test_export_repeated_gives_the_same_bytes_and_says_nothing(tmp_path, capfd, caplog, recwarn):
    capfd.readouterr()
    sha256, _ = write(network("softplus"), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported("softplus").content
    assert sha256 == exported("softplus").sha256
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not recwarn.list


@pytest.mark.slow
def test_another_process_writes_the_same_bytes():
    words = "from tests.training.exported import exported; print(exported('softplus').sha256)"
    said = subprocess.run(
        [sys.executable, "-c", f"import torch; torch.set_num_threads(1); {words}"],
        cwd=CHECKOUT,
        env={"PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == exported("softplus").sha256
    assert said.stderr == ""


@ALL_KINDS
def test_card_says_what_the_network_is(kind, tmp_path):
    made = exported(kind).network
    session = open_session(tmp_path, exported(kind).content)
    assert session.sha256 == exported(kind).sha256
    card = session.card
    assert card.model_id == "small"
    assert card.created_at == "2026-01-02T03:04:05+00:00"
    assert card.tree == made.tree
    assert card.input == made.config.input
    assert card.masks == Masks(8, made.config.dropout, 3)
    assert card.cam_exact == (kind not in ("aux", "textbook"))
    assert card.aux_names == made.config.aux
    assert card.precision == "float32"
    forms = {"sigmoid": "1+100*sigmoid", "categorical": "categorical"}
    assert card.alpha_form == forms.get(kind, "softplus")


def test_card_holds_what_the_file_says_of_the_golden_pictures(tmp_path):
    session = open_session(tmp_path, exported("softplus").content)
    alpha = session.run(golden_images(session.card.golden.seed, 32), SCORING)["alpha"]
    np.testing.assert_allclose(alpha, session.card.golden.alpha, rtol=1e-4)
    texts = json.loads(exported_metadata()["gz.golden"])["alpha"]
    digits = [repr(v).replace(".", "").lstrip("0") for row in texts for v in row]
    assert max(map(len, digits)) <= 5


def exported_metadata():
    return {entry.key: entry.value for entry in exported("softplus").model.metadata_props}


def test_network_stays_as_it_was(tmp_path, monkeypatch):
    made = network("softplus").train()
    model = exported("softplus").model
    del model.metadata_props[:]
    monkeypatch.setattr(export_onnx, "_traced", lambda served, network: model)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    projection = exported("softplus").projection
    card = draft_card(made, model_id="m", created_at="2026-01-02T03:04:05+00:00")
    export_onnx.export(made, card, projection, tmp_path / "m.onnx", images=pictures())
    assert made.training
    assert made.trunk.training
    after = made.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.parametrize(
    ("change", "refused", "words"),
    [
        (lambda bias: bias + 0.01, ParityFailed, r"alpha of picture \d+, in a batch of \d+, is"),
        (lambda bias: bias * np.nan, ExportRefused, "such as nan in float32: export an earlier"),
    ],
)
def test_file_that_says_something_else_is_not_written(
    tmp_path, monkeypatch, change, refused, words
):
    broken(monkeypatch, "softplus", "head.bias", change)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the one before")
    with pytest.raises(refused, match=words) as refusal:
        write(exported("softplus").network, path)
    assert str(refusal.value).count(". ") == 0
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("half", [False, True])
def test_network_too_large_to_serve_is_refused_before_it_is_traced(tmp_path, monkeypatch, half):
    made = build(SMALL, sky.tree())
    n_bytes = sum(p.numel() for p in made.parameters()) * (2 if half else 4)
    monkeypatch.setattr(export_onnx, "MAX_MODEL_BYTES", n_bytes - 1)
    monkeypatch.setattr(export_onnx, "_traced", lambda served, network: pytest.fail("traced"))
    with pytest.raises(ExportRefused, match=f"has {n_bytes:,} bytes, .* smaller architecture"):
        write(made, tmp_path / "model.onnx", half=half)
    assert not list(tmp_path.iterdir())


def test_card_is_corrected_where_it_contradicts_the_network(tmp_path, monkeypatch):
    made = exported("softplus").network
    other = build(SMALL.replace(size_px=64, alpha_form="1+100*sigmoid", aux=["g"]), sky.tree())
    card = draft_card(other, model_id="m", created_at="2026-01-02T03:04:05+00:00")
    model = exported("softplus").model
    del model.metadata_props[:]
    monkeypatch.setattr(export_onnx, "_traced", lambda served, network: model)
    path = tmp_path / "m.onnx"
    export_onnx.export(made, card, exported("softplus").projection, path, images=pictures())
    written = Session.open(path, gpu="off", warm=False).card
    assert written.input.size_px == 32
    assert written.alpha_form == "softplus"
    assert written.aux_names == ()
    assert written.cam_exact
