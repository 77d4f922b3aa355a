import csv
import gzip
import json

import numpy as np
import pytest

from inference.belief.calibration import fit_scales, scaled
from inference.belief.dirichlet import fractions, log_likelihood
from inference.belief.scores import score
from inference.formats.tree import load_built_in
from tests.inference.belief.crowds import MERGING, MIXED, TERNARY, concentrations, votes_of

GZ2 = load_built_in("galaxy-zoo-2")


def of_first(alpha, votes, tree=TERNARY, **options):
    """Return the scores of the only question, which everybody was asked."""
    votes = np.asarray(votes, np.float64)
    asked = votes.sum(1, keepdims=True)
    return score(np.asarray(alpha, np.float64), votes, asked, tree, **options).questions["q0"]


def test_right_fractions_have_no_error():
    found = of_first([[2, 5, 3], [8, 1, 1]], [[4, 10, 6], [8, 1, 1]])
    assert (found.rmse.value, found.mae.value) == pytest.approx((0, 0))
    assert found.calibration_error == pytest.approx(0)
    assert found.accuracy.value == 1


def test_errors_by_hand():
    # Expected .5 .3 .2, given .8 .2 0; expected .6 .2 .2, given .6 .2 .2.
    found = of_first([[5, 3, 2], [6, 2, 2]], [[8, 2, 0], [3, 1, 1]])
    assert found.rmse.value == pytest.approx(((0.09 + 0.01 + 0.04) / 6) ** 0.5)
    assert found.mae.value == pytest.approx((0.3 + 0.1 + 0.2) / 6)
    assert found.answer_rmse == pytest.approx(
        {"a0": 0.3 / 2**0.5, "a1": 0.1 / 2**0.5, "a2": 0.2 / 2**0.5}
    )
    assert found.answer_mae == pytest.approx({"a0": 0.15, "a1": 0.05, "a2": 0.1})
    assert found.n == found.rmse.n == 2


def test_likelihoods_are_averaged_by_question_and_summed_over_the_tree():
    alpha = concentrations(60, GZ2)
    votes, asked = votes_of(alpha, 12, GZ2)
    found = score(alpha, votes, asked, GZ2)
    losses = -log_likelihood(alpha, votes, GZ2, asked)
    assert found.nll.value == pytest.approx(losses.sum(1).mean())
    assert found.nll.n == found.n == 60
    for question in GZ2.questions:
        rows = asked[:, question.index] > 0
        figures = found.questions[question.key]
        assert figures.nll.value == pytest.approx(losses[rows, question.index].mean())
        assert figures.n == figures.nll.n == rows.sum()


def test_the_leading_answer_is_right_or_wrong():
    alpha = [[5, 1, 1], [5, 1, 1], [1, 5, 1], [1, 1, 5]]
    found = of_first(alpha, [[9, 1, 0], [4, 6, 0], [0, 3, 2], [0, 0, 5]])
    assert found.accuracy.value == 0.75
    assert found.confident_accuracy.value == 1  # the crowd is 90 % and 100 % sure of two
    assert found.confident_accuracy.n == 2


def test_seven_in_ten_are_confident_even_if_float32_rounds_them():
    asked = np.array([[0.01]], np.float32) * np.float32(40)
    votes = asked * np.array([[0.7, 0.3, 0]], np.float32)
    assert votes[0, 0] / np.float64(asked[0, 0]) < 0.7
    found = score(np.array([[5.0, 1, 1]]), votes, asked, TERNARY, least_asked=0).questions["q0"]
    assert found.confident_accuracy.n == 1
    assert of_first([[5, 1, 1]], [[69, 31, 0]]).confident_accuracy.n == 0


def test_one_of_two_leading_answers_is_half_right_in_any_order():
    assert of_first([[5, 1, 1]], [[4, 4, 1]]).accuracy.value == 0.5
    assert of_first([[1, 5, 1]], [[4, 4, 1]]).accuracy.value == 0.5
    assert of_first([[1, 1, 5]], [[4, 4, 1]]).accuracy.value == 0


def test_a_multiple_choice_of_which_nobody_chose_anything_has_no_leading_answer():
    alpha = concentrations(2, MIXED)
    votes = np.array([[4, 0, 0, 0, 0, 4, 0], [4, 0, 0, 0, 3, 4, 0]])
    alpha[:, 4] = 50
    found = score(alpha, votes, np.array([[4, 4, 4]] * 2), MIXED).questions["signs"]
    assert (found.accuracy.value, found.accuracy.n) == (1, 1)
    assert found.n == 2


def test_only_galaxies_of_which_enough_people_were_asked_count():
    alpha = [[5, 1, 1]] * 3
    votes = [[1, 0, 0], [0, 5, 0], [10, 0, 0]]
    assert of_first(alpha, votes).n == 3
    few = of_first(alpha, votes, least_asked=5)
    assert (few.n, few.accuracy.value) == (2, 0.5)
    assert of_first([*alpha, [5, 1, 1]], [*votes, [0, 0, 0]], least_asked=0).n == 3


def test_unasked_galaxies_leave_a_question_as_it_is():
    alpha = concentrations(40, MERGING)
    votes, asked = votes_of(alpha, 30, MERGING)
    alone = score(alpha, votes, asked, MERGING)
    longer = score(
        np.concatenate([alpha, alpha]),
        np.concatenate([votes, 0 * votes]),
        np.concatenate([asked, 0 * asked]),
        MERGING,
    )
    assert longer.coverage == alone.coverage
    for key, figures in alone.questions.items():
        assert longer.questions[key].rmse.value == pytest.approx(figures.rmse.value)
        assert longer.questions[key].bins == figures.bins
        assert longer.questions[key].n == figures.n


def test_fractions_that_people_give_are_calibrated():
    alpha = concentrations(4000, TERNARY)
    votes, asked = votes_of(alpha, 40, TERNARY)
    found = score(alpha, votes, asked, TERNARY).questions["q0"]
    assert found.calibration_error < 0.01
    assert sum(n for *_, n in found.bins) == 4000
    assert all(expected == pytest.approx(given, abs=0.05) for expected, given, _ in found.bins)


def test_fractions_too_near_to_one_are_not_calibrated():
    alpha = concentrations(4000, TERNARY)
    votes, asked = votes_of(alpha, 40, TERNARY)
    found = score(alpha**2, votes, asked, TERNARY).questions["q0"]
    assert found.calibration_error > 0.1
    assert all(expected > given for expected, given, n in found.bins if n > 200)


def test_intervals_hold_their_figures_and_repeat():
    alpha = concentrations(200, GZ2)
    votes, asked = votes_of(alpha, 20, GZ2)
    found = score(alpha, votes, asked, GZ2, seed=3)
    assert found.to_json() == score(alpha, votes, asked, GZ2, seed=3).to_json()
    for figures in found.questions.values():
        for one in (figures.nll, figures.rmse, figures.mae, figures.accuracy):
            assert one.lower <= one.value <= one.upper


def test_figures_are_written_as_plain_values():
    alpha = concentrations(30, MIXED)
    votes, asked = votes_of(alpha, 20, MIXED)
    found = score(alpha.astype(np.float32), votes, asked, MIXED)
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values == found.to_json()
    assert set(values["questions"]) == {"q0", "signs", "q1"}
    assert values["coverage"]["all"][2]["mass"] == 0.9
    assert set(values["questions"]["q0"]["rmse"]) == {"value", "lower", "upper", "n"}


def test_nothing_to_judge_is_null_and_never_nan():
    found = score(np.ones((0, 7)), np.ones((0, 7)), np.ones((0, 3)), MIXED)
    text = json.dumps(found.to_json(), allow_nan=False)
    values = json.loads(text)
    assert values["n"] == 0
    assert values["nll"] == {"value": None, "lower": None, "upper": None, "n": 0}
    assert values["questions"]["signs"]["answer_mae"] == {"ring": None, "bar": None, "dust": None}
    assert values["questions"]["q0"]["calibration_error"] is None
    assert values["coverage"]["q1"][0]["observed"] is None


def test_a_question_nobody_was_asked_is_null_among_others():
    alpha, votes = np.ones((5, 7)), np.zeros((5, 7))
    votes[:, 2] = 3
    values = score(alpha, votes, np.array([[3, 0, 0]] * 5), MERGING).to_json()
    assert values["questions"]["q0"]["accuracy"]["n"] == 5
    assert values["questions"]["q2"]["accuracy"] == {
        "value": None, "lower": None, "upper": None, "n": 0
    }  # fmt: skip


def test_counts_of_real_galaxies_are_told_better_by_a_calibrated_guess(shared):
    path = shared / "data" / "gz2_stripe82" / "votes_stripe82.csv.gz"
    answers = {f"{a.aliases[1]}_count": a.index for a in GZ2.answers}
    with gzip.open(path, "rt") as file:
        rows = [row for _, row in zip(range(2000), csv.DictReader(file), strict=False)]
    votes = np.zeros((len(rows), GZ2.n_answers))
    for column, index in answers.items():
        votes[:, index] = [float(row[column]) for row in rows]
    asked = np.stack([votes[:, q.span].sum(1) for q in GZ2.questions], 1)
    half = len(rows) // 2
    mean = np.tile(100 * fractions(votes[:half].sum(0, keepdims=True) + 1, GZ2), (half, 1))
    scales = fit_scales(mean, votes[:half], asked[:half], GZ2)
    raw = score(mean, votes[half:], asked[half:], GZ2)
    calibrated = score(scaled(mean, scales, GZ2), votes[half:], asked[half:], GZ2)
    assert calibrated.nll.value < raw.nll.value - 1
    first = GZ2.questions[0].key
    assert calibrated.questions[first].rmse == raw.questions[first].rmse
    for before, after in zip(raw.coverage["all"], calibrated.coverage["all"], strict=True):
        assert abs(after.observed - after.nominal) < abs(before.observed - before.nominal)
