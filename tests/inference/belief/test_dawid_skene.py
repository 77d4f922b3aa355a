import numpy as np
import pytest

from inference.belief import dawid_skene
from inference.belief.answers import ANONYMOUS
from inference.belief.dawid_skene import Votes, class_probabilities, fit
from tests.inference.belief.volunteers import crowd_of_classes, needs_data, spread_of_skill

GOOD, BLIND = 0.9, 1 / 3


def votes_of(crowd, n_classes=3):
    answers = crowd.answers
    return Votes(answers.subject, answers.volunteer, answers.answer, n_classes)


def accuracy(probability, truth):
    return (probability.argmax(1) == truth).mean()


def test_people_who_cannot_tell_are_found_out():
    crowd = crowd_of_classes([GOOD, BLIND], each=7)
    found = fit(votes_of(crowd))
    right = np.einsum("vcc,c->v", found.confusion, found.prior)
    assert (right > 0.7).sum() + (right < 0.6).sum() == 200
    assert right[right > 0.7].mean() == pytest.approx(GOOD, abs=0.06)
    assert right[right < 0.6].mean() == pytest.approx(BLIND, abs=0.06)
    majority = accuracy(votes_of(crowd).shares, crowd.truth)
    assert accuracy(found.probability, crowd.truth) > majority + 0.02


@needs_data
@pytest.mark.parametrize("each", [3, 5, 10])
def test_real_spread_of_skill_is_used_better_than_by_a_majority(each):
    crowd = crowd_of_classes(spread_of_skill(), n_subjects=5000, each=each, n_volunteers=300)
    votes = votes_of(crowd)
    assert (
        accuracy(fit(votes).probability, crowd.truth) > accuracy(votes.shares, crowd.truth) + 0.03
    )


def test_each_round_of_plain_em_raises_the_likelihood():
    votes = votes_of(crowd_of_classes([GOOD, 0.6, BLIND], n_subjects=300, each=5))
    evidence = []
    for rounds in range(2, 12):
        found = fit(votes, strength=0, rounds=rounds, tolerance=0)
        _, log_evidence = dawid_skene._probabilities(votes, found.confusion, found.prior)
        evidence.append(log_evidence)
    assert (np.diff(evidence) > -1e-6).all()


def test_em_stops_when_a_round_gains_nothing():
    votes = votes_of(crowd_of_classes([GOOD], n_subjects=500))
    found = fit(votes)
    assert found.n_rounds < dawid_skene.ROUNDS
    again = fit(votes, rounds=found.n_rounds + 20, tolerance=0)
    assert np.allclose(found.probability, again.probability, atol=0.01)


def test_gold_keeps_what_the_experts_said():
    crowd = crowd_of_classes([0.8], n_subjects=50)
    gold = np.full((50, 3), np.nan)
    gold[3] = [0.5, 0.25, 0.25]
    assert np.allclose(fit(votes_of(crowd), gold=gold).probability[3], gold[3])


def test_gold_turns_a_crowd_that_is_wrong_together():
    """Two classes that everybody confuses cannot be told apart without an expert."""
    crowd = crowd_of_classes([0.1], n_subjects=400, priors=(0.6, 0.4))
    votes = votes_of(crowd, 2)
    assert accuracy(fit(votes).probability, crowd.truth) < 0.1
    gold = np.full((400, 2), np.nan)
    gold[:200] = np.eye(2)[crowd.truth[:200]]
    assert accuracy(fit(votes, gold=gold).probability[200:], crowd.truth[200:]) > 0.9


def test_strangers_and_the_anonymous_have_the_pooled_matrix():
    crowd = crowd_of_classes([GOOD, 0.5], n_subjects=200)
    votes = votes_of(crowd)
    hidden = np.where(votes.volunteer < 100, ANONYMOUS, votes.volunteer)
    found = fit(Votes(votes.subject, hidden, votes.answer, 3))
    assert (found.confusion[0] == found.pooled).all()
    everybody = found.confusion_of_all(210)
    assert (everybody[[0, 50, 205]] == found.pooled).all()
    assert (everybody[150] != found.pooled).any()


def test_few_answers_stay_near_the_pooled_matrix():
    crowd = crowd_of_classes([0.8], n_subjects=300, n_volunteers=100)
    votes = votes_of(crowd)
    subject = np.append(votes.subject, 0)
    newcomer = Votes(subject, np.append(votes.volunteer, 100), np.append(votes.answer, 2), 3)
    found = fit(newcomer)
    assert np.abs(found.confusion[100] - found.pooled).max() < 0.3


def test_rows_of_every_matrix_sum_to_one():
    found = fit(votes_of(crowd_of_classes([GOOD, 0.5], n_subjects=100)))
    for matrix in (found.confusion, found.pooled, found.prior, found.probability):
        assert np.allclose(matrix.sum(-1), 1)


def test_no_votes_are_no_subjects():
    nobody = np.zeros(0, np.int64)
    found = fit(Votes(nobody, nobody, nobody, 3))
    assert found.probability.shape == (0, 3)
    assert np.isfinite(found.pooled).all()


def test_class_probabilities_are_bayes_with_known_matrices():
    votes = Votes(np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), 2)
    confusion = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    first, second = 0.25 * 0.9 * 0.3, 0.75 * 0.2 * 0.6
    found = class_probabilities(votes, confusion, np.array([0.25, 0.75]))
    assert found[0, 0] == pytest.approx(first / (first + second))


def test_thousands_of_votes_do_not_underflow():
    n = 5000
    votes = Votes(np.zeros(n, np.int64), np.arange(n), np.arange(n) % 2, 2)
    confusion = np.tile([[0.6, 0.4], [0.4, 0.6]], (n, 1, 1))
    found = class_probabilities(votes, confusion, np.array([0.3, 0.7]))
    assert found[0] == pytest.approx([0.3, 0.7])
