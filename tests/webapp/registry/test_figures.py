"""What a card says of how well a model does, and what a stranger may have written there."""

import json
from typing import Any

import pytest

from inference.formats.tree import load_built_in
from inference.vision.session import Session
from webapp.dashboard.demo import STARTER
from webapp.registry.figures import Figure, Interval, judgements, scales

TREE = load_built_in("galaxy-zoo-2")
FIRST = TREE.questions[0]
OF = {"value": 0.12, "lower": 0.11, "upper": 0.13}


def test_the_starter_is_judged_on_two_kinds_of_galaxies():
    card = Session.open(STARTER, gpu="off", warm=False).card
    found = judgements(card.metrics, TREE)
    assert [one.name for one in found] == ["full", "counted"]
    for one in found:
        assert one.n_galaxies > 0
        assert one.nll.lower < one.nll.value < one.nll.upper < one.nll_of_mean.value
        assert one.rows[0].text == FIRST.text
        assert [interval.wanted for interval in one.intervals] == [0.5, 0.68, 0.9, 0.95]
    assert len(scales(card.calibration.values(), TREE)) == TREE.n_questions


def test_questions_come_in_the_order_of_the_tree():
    keys = [question.key for question in TREE.questions]
    questions = {key: {"rmse": OF, "n_galaxies": 5} for key in sorted(keys)}
    (judged,) = judgements({"nll": OF, "question": FIRST.key, "questions": questions}, TREE)
    assert [row.text for row in judged.rows] == [question.text for question in TREE.questions]
    assert judged.rows[0].rmse == Figure(0.12, 0.11, 0.13)
    assert judged.rows[0].mae is None


def test_a_card_of_one_question_has_one_row():
    (judged,) = judgements({"nll": 3, "question": FIRST.key, "mae": OF}, TREE)
    assert judged.nll == Figure(3.0, None, None)
    assert [row.text for row in judged.rows] == [FIRST.text]


@pytest.mark.parametrize(
    "metrics",
    [
        None, [], "nll", 1, {}, {"nll": None}, {"nll": [], "questions": [1], "coverage": {}},
        {"nll": {"value": True}, "question": 5, "coverage": [1, None, {"mass": "0.5"}]},
        {"nll": 10**400, "questions": {FIRST.key: 3, "nothing": {}}}, {"a": {"b": {"nll": 1}}},
        {"nll": 1, "questions": {FIRST.key: {"rmse": {"value": "<script>"}, "n_galaxies": {}}}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out(metrics):
    for judged in judgements(metrics, TREE):
        assert judged.nll is None or isinstance(judged.nll.value, float)
        assert judged.intervals == []
        assert all(row.rmse is None for row in judged.rows)


def test_only_a_few_parts_are_shown():
    assert len(judgements({str(number): {"nll": 1} for number in range(100)}, TREE)) == 6


def test_intervals_and_scales_are_numbers():
    coverage = [{"mass": 0.9, "observed": 0.8, "nominal": 0.9, "n": 10}, {"mass": 1}]
    (judged,) = judgements({"nll": 1, "coverage": coverage}, TREE)
    assert judged.intervals == [Interval(0.9, 0.9, 0.8, 10)]
    assert scales({"scales": {FIRST.key: 2, "other": 3}}, TREE) == [(FIRST.text, 2.0)]
    broken: Any
    for broken in (None, {}, {"scales": []}, {"scales": {FIRST.key: json.loads("1e999")}}):
        assert scales(broken, TREE) == []
