"""Champion and challenger: the differences, their intervals, and the rule that promotes."""

import numpy as np
import pytest

from inference.belief import compare as module
from inference.belief.bootstrap import Estimate
from inference.belief.compare import compare, verdict
from inference.formats.tree import load_built_in

TREE = load_built_in("galaxy-zoo-2")


def crowd(n, seed=0):
    """Galaxies with a true share of each answer, and 20 people along the tree's first question."""
    chance = np.random.default_rng(seed)
    shares = np.ones((n, TREE.n_answers))
    for question in TREE.questions:
        span = slice(question.span.start, question.span.stop)
        shares[:, span] = chance.dirichlet(np.ones(span.stop - span.start), n)
    votes = np.zeros((n, TREE.n_answers))
    asked = np.zeros((n, TREE.n_questions))
    for question in TREE.questions[:2]:
        span = slice(question.span.start, question.span.stop)
        votes[:, span] = [chance.multinomial(20, row) for row in shares[:, span]]
        asked[:, question.index] = 20
    return shares, votes, asked


def knowing(shares, strength=30.0):
    return 0.2 + strength * shares


def test_differences_are_those_of_the_scores_and_turn_their_sign():
    shares, votes, asked = crowd(200)
    good, flat = knowing(shares), np.ones_like(shares)
    found, turned = compare(flat, good, votes, asked, TREE), compare(good, flat, votes, asked, TREE)
    assert found.nll.value == pytest.approx(found.challenger.nll.value - found.champion.nll.value)
    assert found.nll.value == pytest.approx(-turned.nll.value)
    for key, one in found.questions.items():
        own, other = found.challenger.questions[key], found.champion.questions[key]
        if own.n:
            assert one.nll.value == pytest.approx(own.nll.value - other.nll.value)
            assert one.calibration_error.value == pytest.approx(
                own.calibration_error - other.calibration_error
            )
            assert one.calibration_error.value == pytest.approx(
                -turned.questions[key].calibration_error.value
            )


def test_what_knows_more_is_better_and_promoted():
    shares, votes, asked = crowd(200)
    found = verdict(compare(np.ones_like(shares), knowing(shares), votes, asked, TREE))
    assert found.is_better
    assert "On 200 galaxies held out it is better by" in found.words
    back = verdict(compare(knowing(shares), np.ones_like(shares), votes, asked, TREE))
    assert not back.is_better
    assert "it is worse by" in back.words


def test_the_same_model_is_not_better_than_itself():
    shares, votes, asked = crowd(200)
    found = compare(knowing(shares), knowing(shares), votes, asked, TREE)
    assert (found.nll.value, found.nll.lower, found.nll.upper) == (0, 0, 0)
    assert not verdict(found).is_better
    assert "not surely better" in verdict(found).words


def test_better_on_the_whole_and_worse_calibrated_on_one_question_is_not_promoted():
    shares, votes, asked = crowd(400)
    champion, challenger = knowing(shares, 2.0), knowing(shares, 30.0)
    second = TREE.questions[1]
    span = slice(second.span.start, second.span.stop)
    champion[:, span] = knowing(shares)[:, span]
    challenger[:, span] = 4 * shares[:, span] ** 2 + 0.2  # too sure of itself, and weakly so
    compared = compare(champion, challenger, votes, asked, TREE)
    assert compared.nll.upper < 0
    found = verdict(compared)
    assert not found.is_better
    assert f"fractions fit worse in “{second.text}” by" in found.words


def test_few_galaxies_promote_nothing():
    shares, votes, asked = crowd(19)
    found = verdict(compare(np.ones_like(shares), knowing(shares), votes, asked, TREE))
    assert not found.is_better
    assert "Only 19 galaxies are held out, and 20 are needed" in found.words


def test_a_question_that_nobody_was_asked_speaks_neither_way():
    shares, votes, asked = crowd(50)
    found = compare(np.ones_like(shares), knowing(shares), votes, asked, TREE)
    silent = found.questions[TREE.questions[5].key]
    assert silent.nll.n == silent.calibration_error.n == 0
    plain = found.to_json()["questions"][TREE.questions[5].key]
    assert plain["nll"] == {"value": None, "lower": None, "upper": None, "n": 0}
    assert verdict(found).is_better


def test_the_interval_of_the_calibration_error_covers_what_is_drawn():
    shares, votes, _ = crowd(300)
    first = TREE.questions[0]
    span = slice(first.span.start, first.span.stop)
    given = votes[:, span] / 20
    gaps = [module._gaps(side[:, span], given) for side in (np.full_like(shares, 1 / 3), shares)]
    found = module._paired_errors(*gaps)
    assert isinstance(found, Estimate)
    assert found.lower < found.value < found.upper
    assert found.n == 300
