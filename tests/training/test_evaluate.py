import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from inference.belief.dirichlet import fractions
from inference.formats.split import CALIBRATION, TEST, TRAIN
from inference.formats.tree import load_built_in
from tests.training import sky
from tests.training.drawn import drawn_votes, judged
from training.config import Config
from training.dataset import from_catalog
from training.evaluate import (
    evaluate,
    fitted_calibration,
    flat_alpha,
    mean_alpha,
    predict_alpha,
)
from training.model import build


@pytest.fixture(scope="module")
def network(dataset):
    """An untrained network."""
    return build(Config(width=4, depth=2, size_px=32, threads=1), dataset.tree)


def test_predictions_do_not_depend_on_the_batches(network, dataset):
    places = np.array([5, 3, 150, 7, 42])
    together = predict_alpha(network, dataset, places)
    assert together.shape == (5, dataset.tree.n_answers)
    assert together.dtype == np.float32
    assert (together > 0).all()
    np.testing.assert_allclose(predict_alpha(network, dataset, places, 2), together, rtol=1e-5)
    np.testing.assert_allclose(
        predict_alpha(network, dataset, places[::-1]), together[::-1], rtol=1e-5
    )


def test_no_galaxies_give_no_rows(network, dataset):
    assert predict_alpha(network, dataset, np.zeros(0, np.int64)).shape == (0, 5)


@pytest.mark.parametrize("is_training", [True, False])
def test_dropout_is_off_and_the_network_is_left_as_it_was(network, dataset, is_training):
    network.train(is_training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    places = np.arange(20)
    first = predict_alpha(network, dataset, places)
    np.testing.assert_array_equal(predict_alpha(network, dataset, places), first)
    assert network.training is is_training
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


def test_catalog_columns_are_seen_and_may_be_missing(config):
    catalog, images = sky.galaxies(60)
    aux = np.linspace(14, 20, 60, dtype=np.float32)[:, None]
    aux[7] = np.nan
    catalog = dataclasses.replace(catalog, aux_names=("mag_r",), aux=aux)
    with_aux = config.replace(aux=["mag_r"])
    dataset = from_catalog(catalog, images, with_aux)
    network = build(with_aux, dataset.tree)
    places = np.arange(60)
    alpha = predict_alpha(network, dataset, places)
    assert np.isfinite(alpha).all()
    other = dataclasses.replace(dataset, aux=dataset.aux[::-1].copy())
    assert not np.allclose(predict_alpha(network, other, places), alpha)


def test_an_evaluation_judges_the_test_part_only(network, dataset):
    evaluation = evaluate(network, dataset)
    test = dataset.part(TEST)
    assert evaluation.scores.n == len(test) == len(evaluation.alpha)
    np.testing.assert_array_equal(evaluation.votes, dataset.votes[test])
    changed = dataset.votes.copy()
    elsewhere = np.flatnonzero(~np.isin(dataset.splits, [TEST, CALIBRATION, TRAIN]))
    changed[elsewhere] = changed[elsewhere][:, ::-1]
    again = evaluate(network, dataclasses.replace(dataset, votes=changed))
    assert again.to_json() == evaluation.to_json()


def test_the_calibration_is_fitted_on_its_own_part(network, dataset):
    first = evaluate(network, dataset).calibration
    test = dataset.part(TEST)
    votes = dataset.votes.copy()
    votes[test] = 0
    assert evaluate(network, dataclasses.replace(dataset, votes=votes)).calibration == first
    votes = dataset.votes.copy()
    votes[dataset.part(CALIBRATION)[0], 0] += 1
    other = evaluate(network, dataclasses.replace(dataset, votes=votes)).calibration
    assert other.set_sha256 != first.set_sha256


def test_the_calibration_set_is_named_by_galaxies_and_votes():
    votes = np.array([[3, 1], [2, 2]], np.float32)
    tree = load_built_in("three-class")
    alpha = np.ones((2, tree.n_answers), np.float32)
    votes = np.pad(votes, ((0, 0), (0, 2)))
    asked = np.full((2, 1), 4, np.float32)
    found = fitted_calibration(alpha, votes, asked, tree, ["b", "a"])
    by_hand = hashlib.sha256(b"a" + votes[1].tobytes() + b"b" + votes[0].tobytes()).hexdigest()
    assert found.set_sha256 == by_hand
    assert found.n_subjects == 2


def test_too_sure_a_network_is_brought_back():
    dataset, alpha = drawn_votes(1500, sharpness=4)
    evaluation = judged(dataset, alpha * 5)
    assert evaluation.calibration.scales["shape"] == pytest.approx(1 / 5, rel=0.15)
    assert evaluation.scores.nll.value < evaluation.raw.nll.value
    for before, after in zip(
        evaluation.raw.coverage["all"], evaluation.scores.coverage["all"], strict=True
    ):
        assert abs(after.observed - after.nominal) < 0.03
        assert before.observed < before.nominal - 0.03


def test_calibration_leaves_fractions_as_they_are():
    dataset, alpha = drawn_votes(300, sharpness=4)
    evaluation = judged(dataset, alpha * 5)
    raw = alpha[dataset.part(TEST)]
    np.testing.assert_allclose(
        fractions(evaluation.alpha, dataset.tree), fractions(raw, dataset.tree), rtol=1e-6
    )


@pytest.mark.parametrize("key", ["three-class", "galaxy-zoo-decals"])
def test_one_who_knows_beats_the_mean_and_the_mean_beats_nothing(key):
    dataset, alpha = drawn_votes(300, sharpness=4, tree=load_built_in(key))
    evaluation = judged(dataset, alpha)
    figures = evaluation.headline()
    names = ("nll", "nll_of_mean", "nll_of_flat")
    values = [figures[name]["value"] for name in names]
    assert values == sorted(values)
    assert len(set(values)) == 3


@pytest.mark.parametrize("key", ["three-class", "galaxy-zoo-decals"])
def test_the_mean_is_that_of_the_training_part(key):
    dataset, _ = drawn_votes(600, sharpness=4, tree=load_built_in(key))
    train = dataset.part(TRAIN)
    asked = np.repeat(
        dataset.asked[train], [len(question.answers) for question in dataset.tree.questions], axis=1
    )
    expected = dataset.votes[train].sum(0) / asked.sum(0)
    found = fractions(mean_alpha(dataset, 3), dataset.tree)
    assert found.shape == (3, dataset.tree.n_answers)
    np.testing.assert_allclose(found[0], expected, atol=0.01)
    np.testing.assert_array_equal(found[0], found[2])


def test_a_question_that_nobody_was_asked_has_a_mean_nevertheless():
    dataset, _ = drawn_votes(90, sharpness=4)
    dataset.votes[:] = 0
    dataset.asked[:] = 0
    assert np.isfinite(mean_alpha(dataset, 2)).all()


def test_knowing_nothing_is_every_answer_alike():
    tree = load_built_in("galaxy-zoo-decals")
    shares = fractions(flat_alpha(tree, 1), tree)[0]
    first, rare = tree.questions[0], tree.question("rare-features")
    np.testing.assert_allclose(shares[list(first.span)], 1 / 3)
    np.testing.assert_allclose(shares[list(rare.span)], 1 / 2)


def test_galaxies_are_parted_by_people_votes_and_columns():
    dataset, alpha = drawn_votes(600, sharpness=4)
    dataset.asked[:200] = 5
    dataset.asked[200:400] = 20
    dataset.votes[:400] *= dataset.asked[:400] / 40
    aux = np.arange(600, dtype=np.float32)[:, None] / 10
    aux[::5] = np.nan
    nominal = np.arange(600) % 2 == 0
    dataset = dataclasses.replace(dataset, aux=aux, aux_names=("mag_r",), nominal=nominal)
    evaluation = judged(dataset, alpha)
    n = {name: scores.n for name, scores in evaluation.groups.items()}
    total = evaluation.scores.n
    assert n["fewer than 10 people"] + n["10 to 30 people"] + n["more than 30 people"] == total
    assert n["counted votes"] + n["fractions times a nominal number"] == total
    assert evaluation.n_nominal == n["fractions times a nominal number"]
    columns = [count for name, count in n.items() if name.startswith("mag_r")]
    assert len(columns) == 4
    assert sum(columns) == total
    assert max(columns[:3]) - min(columns[:3]) <= 1


def test_parts_of_ones_own_are_judged_too():
    dataset, alpha = drawn_votes(300, sharpness=4)
    mine = np.arange(300) < 200
    evaluation = judged(dataset, alpha, groups={"northern": mine})
    assert evaluation.groups["northern"].n == int(mine[dataset.part(TEST)].sum())


def test_a_part_of_few_galaxies_judges_nothing():
    dataset, alpha = drawn_votes(300, sharpness=4)
    rare = np.zeros(300, bool)
    rare[dataset.part(TEST)[:5]] = True
    assert "rare" not in judged(dataset, alpha, groups={"rare": rare}).groups


def test_all_figures_are_json_without_nan_even_of_no_galaxies():
    dataset, alpha = drawn_votes(60, sharpness=4)
    dataset = dataclasses.replace(dataset, splits=np.full(60, TRAIN))
    evaluation = judged(dataset, alpha)
    assert evaluation.calibration is None
    assert evaluation.scores.n == 0
    text = json.dumps([evaluation.to_json(), evaluation.headline()], allow_nan=False)
    assert '"n_galaxies": 0' in text


def test_headline_figures_have_their_intervals():
    dataset, alpha = drawn_votes(300, sharpness=4)
    figures = judged(dataset, alpha).headline()
    for name in ("nll", "rmse", "mae", "accuracy", "confident_accuracy"):
        of = figures[name]
        assert of["lower"] <= of["value"] <= of["upper"], name
    assert figures["rmse"]["lower"] < figures["rmse"]["upper"]
    assert [interval["mass"] for interval in figures["coverage"]] == [0.5, 0.68, 0.9, 0.95]


def test_every_question_has_its_figures_in_the_headline():
    dataset, alpha = drawn_votes(300, sharpness=4)
    evaluation = judged(dataset, alpha)
    figures = evaluation.headline()
    assert list(figures["questions"]) == [question.key for question in evaluation.tree.questions]
    for key, of in figures["questions"].items():
        scores = evaluation.scores.questions[key]
        assert of["n_galaxies"] == scores.n
        assert of["rmse"]["value"] == round(scores.rmse.value, 5)
    first = figures["questions"][figures["question"]]
    for name in ("rmse", "mae", "accuracy", "confident_accuracy", "calibration_error"):
        assert first[name] == figures[name]
