import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.belief import ignorance
from inference.belief.dirichlet import beta_binomial, fractions
from inference.belief.ignorance import bald, disagreement, expected_entropy, tree_bald
from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import load_built_in
from tests.inference.belief.crowds import BINARY, MERGING, MIXED, TERNARY, concentrations

GZ2 = load_built_in("galaxy-zoo-2")


def samples(n, t, tree, seed=0):
    """Return the concentrations of t samples of n galaxies, (n, t, K)."""
    return concentrations(n * t, tree, seed).reshape(n, t, tree.n_answers)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


@pytest.mark.parametrize(("n_votes", "expected"), [(40, 1.027884), (1, 0.128497)])
def test_the_worked_example_of_three_binomials_comes_out(n_votes, expected):
    shares = np.array([0.2, 0.5, 0.8])
    pmf = stats.binom.pmf(np.arange(n_votes + 1), n_votes, shares[:, None])
    assert disagreement(pmf[None]) == pytest.approx([expected], abs=1e-6)
    sure = 1e9 * np.stack([shares, 1 - shares], 1)[None]  # so sure that it is binomial
    assert bald(sure, BINARY, n_votes)[0, 0] == pytest.approx(expected, abs=1e-6)


def test_the_worked_example_of_two_beta_binomials_comes_out():
    alpha_mc = np.array([[[8.0, 2], [2, 8]]])
    assert bald(alpha_mc, BINARY, 40)[0, 0] == pytest.approx(0.613701, abs=1e-6)


@pytest.mark.parametrize("n_votes", [1, 2, 40])
@pytest.mark.parametrize("tree", [TERNARY, MIXED, GZ2], ids=["ternary", "mixed", "galaxy-zoo-2"])
def test_samples_that_agree_know_all_there_is(tree, n_votes):
    alike = np.repeat(samples(5, 1, tree), 8, axis=1)
    assert bald(alike, tree, n_votes) == pytest.approx(np.zeros((5, tree.n_questions)), abs=1e-9)
    assert tree_bald(alike, tree, n_votes) == pytest.approx(np.zeros(5), abs=1e-9)


def test_one_vote_is_over_all_answers():
    alpha_mc = samples(20, 6, TERNARY)
    shares = alpha_mc / alpha_mc.sum(-1, keepdims=True)
    expected = entropy(shares.mean(1)) - entropy(shares).mean(1)
    assert bald(alpha_mc, TERNARY)[:, 0] == pytest.approx(expected, abs=1e-12)
    assert expected_entropy(shares) == pytest.approx(entropy(shares).mean(1))


def test_of_two_answers_one_vote_is_judged_alike_by_both_ways():
    alpha_mc = samples(20, 6, BINARY)
    against_rest = disagreement(beta_binomial(alpha_mc[..., 0], alpha_mc[..., 1], 1))
    assert bald(alpha_mc, BINARY, 1)[:, 0] == pytest.approx(against_rest)


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_answers_against_the_rest_never_tell_more_than_all_together(seed, n_votes):
    alpha_mc = samples(1, 4, TERNARY, seed)
    outcomes = [k for k in itertools.product(range(n_votes + 1), repeat=3) if sum(k) == n_votes]
    joint = np.array(
        [[stats.dirichlet_multinomial.pmf(k, a, n_votes) for k in outcomes] for a in alpha_mc[0]]
    )
    found = bald(alpha_mc, TERNARY, n_votes)[0, 0]
    assert 0 <= found <= disagreement(joint[None])[0] + 1e-12


def test_the_most_telling_answer_counts():
    alpha_mc = np.array([[[8.0, 1, 1], [1.0, 8, 1]]])  # of the third answer both say the same
    against = np.array([[[8.0, 2], [1, 9]]])
    assert bald(alpha_mc, TERNARY, 10) == pytest.approx(bald(against, BINARY, 10))


@pytest.mark.parametrize("n_votes", [1, 7])
def test_the_answers_of_a_multiple_choice_are_summed(n_votes):
    alpha_mc = samples(10, 5, MIXED)
    expected = np.zeros(10)
    for answer in (2, 3, 4):
        own = alpha_mc[..., answer]
        pair = np.stack([own, np.full_like(own, MULTIPLE_REST)], -1)
        expected += bald(pair, BINARY, n_votes)[:, 0]
    assert bald(alpha_mc, MIXED, n_votes)[:, 1] == pytest.approx(expected)


@pytest.mark.parametrize("n_votes", [1, 12])
def test_a_question_counts_as_often_as_it_is_asked(n_votes):
    alpha_mc = samples(10, 5, MERGING)
    told, share = bald(alpha_mc, MERGING, n_votes), fractions(alpha_mc, MERGING).mean(1)
    expected = told[:, 0] + share[:, 0] * told[:, 1]
    expected += (share[:, 1] + share[:, 0] * share[:, 3]) * told[:, 2]
    assert tree_bald(alpha_mc, MERGING, n_votes) == pytest.approx(expected)


def test_everybody_meets_a_multiple_choice_on_the_way():
    alpha_mc = samples(10, 5, MIXED)
    told, share = bald(alpha_mc, MIXED), fractions(alpha_mc, MIXED).mean(1)
    assert tree_bald(alpha_mc, MIXED) == pytest.approx(
        told[:, 0] + share[:, 0] * (told[:, 1] + told[:, 2])
    )


def test_a_survey_is_judged_in_float32():
    alpha_mc = samples(300, 32, GZ2).astype(np.float32)
    exact = tree_bald(alpha_mc.astype(np.float64), GZ2)
    assert tree_bald(alpha_mc, GZ2) == pytest.approx(exact, abs=1e-5)


def test_a_share_that_rounds_to_nothing_tells_nothing():
    alpha_mc = np.full((1, 4, 3), 1e-30, np.float32)
    alpha_mc[..., 0] = 1e20
    assert tree_bald(alpha_mc, TERNARY) == pytest.approx([0], abs=1e-6)
    assert bald(alpha_mc, TERNARY, 5)[0] == pytest.approx([0], abs=1e-6)


def test_more_votes_tell_more_and_never_more_than_which_sample():
    alpha_mc = samples(30, 4, BINARY)
    told = np.stack([bald(alpha_mc, BINARY, n)[:, 0] for n in (1, 2, 5, 20, 80)])
    assert (np.diff(told, axis=0) > 0).all()
    assert (told < np.log(4)).all()


def test_small_blocks_change_nothing(monkeypatch):
    alpha_mc = samples(30, 4, MIXED)
    whole = bald(alpha_mc, MIXED, 10)
    monkeypatch.setattr(ignorance, "_BLOCK", 1000)
    assert bald(alpha_mc, MIXED, 10) == pytest.approx(whole, abs=1e-14)


def test_no_galaxies_are_no_ignorance():
    none = np.zeros((0, 4, MIXED.n_answers))
    assert bald(none, MIXED, 3).shape == (0, 3)
    assert tree_bald(none, MIXED).shape == (0,)
