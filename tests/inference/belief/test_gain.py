"""Gain: what the next vote is expected to tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

from inference.belief.gain import gain, question_gain
from inference.belief.posterior import posterior
from inference.formats.tree import Tree, load_built_in
from tests.inference.belief.crowds import MIXED
from tests.inference.formats.trees import tree_values

SHAPE = load_built_in("three-class")
DECALS = load_built_in("galaxy-zoo-decals")


def of(votes, tree=SHAPE, asked=None):
    return posterior(tree, np.array([votes], float), asked)


def by_drawing(alpha, n=400_000):
    """H(mean) - mean(H) over fractions drawn from a Dirichlet."""
    drawn = np.random.default_rng(0).dirichlet(alpha, n)
    return entr(drawn.mean(0)).sum() - entr(drawn).sum(1).mean()


@pytest.mark.parametrize("votes", [[0, 0, 0, 0], [3, 0, 1, 0], [20, 19, 0, 1], [0, 0, 0, 9]])
def test_drawing_fractions_finds_the_same(votes):
    known = of(votes)
    assert question_gain(known)[0, 0] == pytest.approx(by_drawing(known.alpha[0]), abs=3e-3)


def test_a_coin_of_which_nothing_is_known():
    """Beta(1, 1): ln 2 - 1/2 nats, in closed form."""
    (multiple,) = (question for question in DECALS.questions if not question.is_single)
    asked = np.zeros((1, DECALS.n_questions))
    found = question_gain(of([0] * DECALS.n_answers, DECALS, asked))[0]
    expected = len(multiple.answers) * (np.log(2) - 0.5)
    assert found[multiple.index] == pytest.approx(expected)
    two = DECALS.question("disk-edge-on")
    assert found[two.index] == pytest.approx(np.log(2) - 0.5)


def test_drawing_how_many_give_an_answer_finds_the_same_for_a_multiple_choice():
    """Each answer of it is a coin of its own; of 12 people asked 5, 0 and 11 gave the three."""
    votes = np.zeros(MIXED.n_answers)
    votes[2:5] = [5, 0, 11]
    known = of(votes, MIXED, np.full((1, MIXED.n_questions), 12.0))
    coins = [[6.0, 8.0], [1.0, 13.0], [12.0, 2.0]]
    expected = sum(by_drawing(coin) for coin in coins)
    assert question_gain(known)[0, 1] == pytest.approx(expected, abs=3e-3)


def test_disagreement_of_people_is_no_gain():
    """A hundred votes, half and half: the next one is a coin, and tells next to nothing."""
    assert gain(of([50, 50, 0, 0]))[0] < gain(of([1, 0, 0, 0]))[0] / 10


def test_a_question_counts_as_often_as_it_is_asked():
    asked = np.zeros((1, DECALS.n_questions))
    known = of([0] * DECALS.n_answers, DECALS, asked)
    whole = (known.reached() * question_gain(known)).sum()
    assert gain(known)[0] == pytest.approx(whole)
    votes = np.zeros(DECALS.n_answers)
    votes[DECALS.answer("smooth-or-featured.artifact").index] = 1000
    ended = gain(of(votes, DECALS, asked))[0]
    assert ended < 0.02  # whoever says artifact is asked nothing more


@given(st.lists(st.integers(0, 300), min_size=4, max_size=4))
def test_it_is_never_negative_and_at_most_what_four_answers_can_tell(votes):
    found = gain(of(votes))[0]
    assert 0 <= found <= np.log(4)


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_on_the_average_each_vote_leaves_less_to_tell(votes):
    """Information is spent: the expected gain of the vote after next is no more than the next's."""
    known = of(votes)
    after = [
        gain(of([v + (place == answer) for place, v in enumerate(votes)]))[0] for answer in range(4)
    ]
    assert (known.mean[0] * after).sum() <= gain(known)[0] + 1e-12


@settings(max_examples=40)
@given(tree_values(), st.integers(0, 10_000))
def test_no_tree_has_a_galaxy_of_which_a_vote_takes_knowledge_away(values, seed):
    tree, rng = Tree.parse(values), np.random.default_rng(seed)
    asked = rng.integers(0, 30, (5, tree.n_questions)).astype(float)
    votes = rng.integers(0, 30, (5, tree.n_answers)).astype(float)
    prior = np.exp(rng.uniform(np.log(0.05), np.log(200), votes.shape))
    known = posterior(tree, votes, asked, prior=prior, kappa=0.3)
    told = question_gain(known)
    most = [len(q.answers) * np.log(2) if not q.is_single else np.log(len(q.answers))
            for q in tree.questions]  # fmt: skip
    assert (told >= 0).all()
    assert (told <= most).all()
    assert (gain(known) <= told.sum(axis=1) + 1e-12).all()


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(5)
    votes = rng.integers(0, 9, (25, DECALS.n_answers)).astype(float)
    asked = np.full((25, DECALS.n_questions), 30.0)
    whole = gain(posterior(DECALS, votes, asked))
    monkeypatch.setattr("inference.belief.gain._BLOCK", 7)
    assert (gain(posterior(DECALS, votes, asked)) == whole).all()
