import numpy as np
import onnx
import pytest

from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import load_built_in
from inference.vision.model_file import ModelRefused
from inference.vision.session import loaded
from tests.training import sky
from tests.training.exported import KINDS, exported, network, pictures
from training import parity
from training.parity import (
    ParityFailed,
    adversarial,
    check_content,
    check_parity,
    deviations,
    probes,
)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.onnx").write_bytes(exported("softplus").content)
    return tmp_path / "model.onnx"


def with_change(path, name, change):
    """Change one tensor of a model file."""
    model = onnx.load(path)
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    values = change(onnx.numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("kind", KINDS)
def test_exported_file_says_what_pytorch_says(kind, tmp_path):
    made = exported(kind)
    found = check_content(
        made.network, made.content, "m.onnx", pictures(), projection=made.projection
    )
    assert 0 < found < 0.1


def test_file_of_another_network_fails(path):
    with pytest.raises(ParityFailed, match=r"the alpha of picture \d+, in a batch of 1, is"):
        check_parity(network("sigmoid"), path, pictures())


def test_samples_of_other_masks_fail_though_alpha_is_right(path):
    def without_the_sixth(weights):  # (C, T * K): small ones are stored as they are multiplied
        weights[:, 5 * 5 : 6 * 5] = 0
        return weights

    with_change(path, "view", without_the_sixth)
    with pytest.raises(ParityFailed, match="the alpha_mc of picture"):
        check_parity(exported("softplus").network, path, pictures())


def test_embedding_of_another_projection_fails(path):
    made = exported("softplus")
    with_change(path, "matrix", lambda matrix: np.roll(matrix, 1, axis=1))
    check_parity(made.network, path, pictures())
    with pytest.raises(ParityFailed, match="the embedding of picture"):
        check_parity(made.network, path, pictures(), projection=made.projection)


def test_number_that_is_none_fails_in_one_sentence(path):
    with_change(path, "network.head.bias", lambda bias: np.where(np.arange(5) == 3, np.nan, bias))
    with pytest.raises(
        ParityFailed, match=r"the alpha of picture .* is not finite; install the"
    ) as e:
        check_parity(exported("softplus").network, path, pictures())
    assert "\n" not in str(e.value)
    assert str(e.value).count(". ") == 0


def test_network_that_says_no_number_fails(path):
    made = network("softplus")
    made.head.bias.data[0] = float("nan")
    with pytest.raises(ParityFailed, match="is not finite"):
        check_parity(made, path, pictures())


def test_file_that_is_no_model_is_refused(path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelRefused, match=r"model\.onnx cannot be loaded"):
        check_parity(exported("softplus").network, path, pictures())


def test_every_picture_is_tried_in_batches_of_1_7_and_64(path, monkeypatch):
    sizes: list[int] = []

    class Watched:
        def __init__(self, session):
            self.session = session

        def run(self, outputs, feed):
            sizes.append(len(feed["images"]))
            return self.session.run(outputs, feed)

        def __getattr__(self, name):
            return getattr(self.session, name)

    monkeypatch.setattr(parity, "loaded", lambda *args, **given: Watched(loaded(*args, **given)))
    check_parity(exported("softplus").network, path, pictures())
    assert sizes == [1] * 16 + [7] * 10 + [2] + [64, 8]


def test_few_real_pictures_or_none_are_enough_to_try(path):
    made = exported("softplus").network
    for n in (0, 3):
        assert check_parity(made, path, pictures()[:n]) < 1


def test_probes_end_with_eight_different_hostile_pictures():
    hostile = probes(exported("softplus").network, pictures())["images"][-8:]
    np.testing.assert_array_equal(hostile, adversarial(32))
    assert len({picture.tobytes() for picture in hostile}) == 8
    assert not hostile[0].any()
    assert (hostile[1] == 255).all()
    assert np.count_nonzero(hostile[5]) == 3
    assert {tuple(p) for p in hostile[4].reshape(-1, 3)} == {(0, 0, 0), (255, 255, 255)}


def test_probes_of_columns_are_missing_known_and_absurd():
    feed = probes(exported("aux").network, pictures())
    aux, mask = feed["aux"], feed["aux_mask"]
    assert aux.shape == mask.shape == (72, 2)
    assert aux.dtype == np.float32
    assert np.isnan(aux[~mask]).all()
    assert np.isfinite(aux[mask]).all()
    assert 0.1 < mask.mean() < 0.9
    assert aux[mask].min() < -1e29 < 1e29 < aux[mask].max()


@pytest.mark.parametrize(
    ("ours", "theirs", "units"),
    [(0.5, 0.501, 1), (50, 50.1, 2), (100, 99.8, 2), (1, np.inf, np.inf)],
)
def test_concentrations_may_differ_by_a_thousandth(ours, theirs, units):
    one, other = np.full((3, 5), 1.0), np.full((3, 5), 1.0)
    one[1, 2], other[1, 2] = ours, theirs
    found = deviations("alpha", one, other, sky.tree(), "float32")
    np.testing.assert_allclose(found, [0, units, 0], rtol=1e-6)
    one, other = (np.stack([a, np.ones((3, 5))], 1) for a in (one, other))  # as samples are
    found = deviations("alpha_mc", one, other, sky.tree(), "float32")
    np.testing.assert_allclose(found, [0, units, 0], rtol=1e-6)


def test_vote_fractions_of_both_kinds_of_question_may_differ_by_a_two_hundredth():
    tree = load_built_in("galaxy-zoo-decals")
    for question in tree.questions:
        one, other = np.full((1, tree.n_answers), 5.0), np.full((1, tree.n_answers), 5.0)
        other[0, question.first_answer] = 6.0
        n = len(question.answers)
        rest = 5.0 * (n - 1) if question.is_single else MULTIPLE_REST
        units = (6 / (6 + rest) - 5 / (5 + rest)) / 5e-3
        (found,) = deviations("alpha", one, other, tree, "float16")
        assert found == pytest.approx(units), question.key


def test_more_confidence_in_the_same_fractions_passes_in_16_bits_only():
    one = np.full((1, 5), 5.0)
    assert deviations("alpha", one, one * 1.01, sky.tree(), "float16") < 1e-9
    assert deviations("alpha", one, one * 1.01, sky.tree(), "float32") > 1


def test_directions_may_differ_by_an_angle():
    one = np.array([[1.0, 0, 0], [0, 0, 0]])
    other = np.array([[np.cos(0.01), np.sin(0.01), 0], [0, 0, 0]])
    wide = deviations("embedding", one, other, sky.tree(), "float16")
    narrow = deviations("embedding", one, other, sky.tree(), "float32")
    np.testing.assert_allclose(wide, [0.5, 0], rtol=1e-3)
    np.testing.assert_allclose(narrow, [10, 0], rtol=1e-3)
