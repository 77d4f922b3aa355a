import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.belief.dirichlet import (
    beta_binomial,
    fractions,
    intervals,
    log_likelihood,
    parents_first,
    reached,
    rests,
    variances,
)
from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Tree, load_built_in
from tests.inference.belief.crowds import (
    BINARY,
    MERGING,
    MIXED,
    TERNARY,
    concentrations,
    votes_of,
)
from tests.inference.formats.trees import small_tree, tree_values

CONCENTRATION = st.floats(0.02, 5000)
GZ2 = load_built_in("galaxy-zoo-2")


def test_the_worked_example_of_the_loss_comes_out():
    alpha, votes = np.array([[2.0, 5, 1]]), np.array([[3.0, 9, 0]])
    with_orders = log_likelihood(alpha, votes, TERNARY)
    without = log_likelihood(alpha, votes, TERNARY, coefficient=False)
    assert with_orders.tolist() == [[pytest.approx(-2.868931, abs=1e-6)]]
    assert without.tolist() == [[pytest.approx(-8.262559, abs=1e-6)]]


@given(
    st.lists(st.tuples(*[st.tuples(CONCENTRATION, st.integers(0, 60))] * 3), min_size=1, max_size=5)
)
def test_a_single_choice_is_dirichlet_multinomial(galaxies):
    alpha, votes = np.moveaxis(np.array(galaxies, np.float64), -1, 0)
    ours = log_likelihood(alpha, votes, TERNARY)[:, 0]
    whole = votes.astype(int)
    theirs = [
        stats.dirichlet_multinomial.logpmf(k, a, k.sum()) for a, k in zip(alpha, whole, strict=True)
    ]
    assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-10)


@given(
    st.lists(st.tuples(CONCENTRATION, st.integers(0, 30)), min_size=3, max_size=3),
    st.integers(30, 60),
)
def test_a_multiple_choice_is_a_beta_binomial_for_each_answer(answers, people):
    alpha, votes = np.ones((1, MIXED.n_answers)), np.zeros((1, MIXED.n_answers))
    alpha[0, 2:5], votes[0, 2:5] = np.array(answers, np.float64).T
    ours = log_likelihood(alpha, votes, MIXED, np.array([[people, people, 0]]))
    theirs = sum(stats.betabinom.logpmf(k, people, a, MULTIPLE_REST) for a, k in answers)
    assert ours[0, 1] == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_a_multiple_choice_has_no_likelihood_without_the_number_of_people():
    alpha = np.ones((1, MIXED.n_answers))
    with pytest.raises(ValueError, match='"signs" is a multiple choice: say how many people'):
        log_likelihood(alpha, alpha, MIXED)


def test_a_question_nobody_was_asked_contributes_nothing_at_all():
    alpha = concentrations(50, GZ2, least=1e-3, most=5000)
    nothing = log_likelihood(alpha, np.zeros_like(alpha), GZ2, np.zeros((50, GZ2.n_questions)))
    assert (nothing == 0).all()
    mixed = concentrations(50, MIXED)
    assert (log_likelihood(mixed, np.zeros_like(mixed), MIXED, np.zeros((50, 3))) == 0).all()


@given(st.lists(st.tuples(CONCENTRATION, st.floats(0, 40)), min_size=3, max_size=3))
def test_votes_need_not_be_whole(answers):
    alpha, votes = np.array(answers).T
    total, people, lgamma = alpha.sum(), votes.sum(), math.lgamma
    expected = lgamma(total) - lgamma(people + total) + lgamma(people + 1)
    expected += sum(lgamma(k + a) - lgamma(a) - lgamma(k + 1) for a, k in answers)
    found = log_likelihood(alpha[None], votes[None], TERNARY)
    assert found[0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-8)


def test_float32_is_computed_in_float64():
    alpha = np.array([[60, 30, 10]], np.float32)
    votes = np.array([[5000, 2000, 1000]], np.float32)
    exact = stats.dirichlet_multinomial.logpmf([5000, 2000, 1000], [60, 30, 10], 8000)
    found = log_likelihood(alpha, votes, TERNARY)
    assert found.dtype == np.float64
    assert found[0, 0] == pytest.approx(exact, abs=1e-8)


def test_each_question_sees_only_its_own_votes():
    alpha = concentrations(20, GZ2)
    votes, asked = votes_of(alpha, 40, GZ2)
    before = log_likelihood(alpha, votes, GZ2, asked)
    changed = votes.copy()
    changed[:, GZ2.questions[3].first_answer] += 5
    after = log_likelihood(alpha, changed, GZ2, asked)
    assert (np.flatnonzero((before != after).any(0)) == [3]).all()


def test_fractions_sum_to_one_over_a_single_choice():
    shares = fractions(concentrations(30, GZ2), GZ2)
    for question in GZ2.questions:
        assert shares[:, question.span].sum(1) == pytest.approx(np.ones(30))


def test_an_answer_of_a_multiple_choice_stands_against_the_fixed_rest():
    alpha = np.ones((1, MIXED.n_answers))
    alpha[0, 2:5] = [10, 30, 1]
    assert fractions(alpha, MIXED)[0, 2:5] == pytest.approx([0.5, 0.75, 1 / 11])
    assert rests(alpha, MIXED)[0] == pytest.approx([1, 1, 10, 10, 10, 1, 1])


def test_samples_have_fractions_of_their_own():
    alpha = concentrations(6, MIXED).reshape(2, 3, -1)
    assert (fractions(alpha, MIXED)[1, 2] == fractions(alpha[1, 2:], MIXED)[0]).all()


@pytest.mark.parametrize("tree", [GZ2, MIXED], ids=["single", "mixed"])
def test_variances_and_intervals_are_those_of_the_beta_marginals(tree):
    alpha = concentrations(5, tree, least=0.1, most=200)
    marginal = stats.beta(alpha, rests(alpha, tree))
    lower, upper = intervals(alpha, tree, mass=0.68)
    assert variances(alpha, tree) == pytest.approx(marginal.var(), rel=1e-9)
    assert marginal.cdf(lower) == pytest.approx(np.full_like(alpha, 0.16), abs=1e-8)
    assert marginal.sf(upper) == pytest.approx(np.full_like(alpha, 0.16), abs=1e-8)


def test_intervals_hold_the_shares_that_the_concentrations_draw():
    alpha = np.tile([[4.0, 9, 2]], (20_000, 1))
    shares = np.random.default_rng(1).dirichlet(alpha[0], len(alpha))
    lower, upper = intervals(alpha, TERNARY, mass=0.9)
    inside = ((lower <= shares) & (shares <= upper)).mean(0)
    assert inside == pytest.approx([0.9] * 3, abs=0.01)


def test_an_answer_that_drowns_the_others_still_has_an_interval():
    lower, upper = intervals(np.array([[1e20, 1e-3]]), BINARY)
    assert np.isfinite([lower, upper]).all()


@given(CONCENTRATION, CONCENTRATION, st.integers(1, 120))
def test_votes_for_one_answer_are_beta_binomial(alpha, rest, people):
    counts = np.arange(people + 1)
    found = beta_binomial(np.array([alpha]), np.array([rest]), people)[0]
    assert found == pytest.approx(
        stats.betabinom.pmf(counts, people, alpha, rest), rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize(("alpha", "rest"), [(5000, 0.02), (0.02, 5000), (1e-3, 1e-3)])
def test_votes_of_many_people_who_are_nearly_sure_are_probabilities_too(alpha, rest):
    found = beta_binomial(np.array([alpha]), np.array([rest]), 400)[0]
    expected = stats.betabinom.logpmf(np.arange(401), 400, alpha, rest)
    seen = expected > -600
    assert np.log(found[seen]) == pytest.approx(expected[seen], rel=1e-6, abs=1e-6)


def test_nobody_gives_no_votes_for_sure():
    assert beta_binomial(np.array([2.0]), np.array([3.0]), 0).tolist() == [[1.0]]


def test_everybody_is_asked_the_first_question_and_shares_multiply_along_the_way():
    shares = np.array([[0.5, 0.3, 0.2, 0.25, 0.75, 0.1, 0.9]])
    # q2 is reached from q0's second answer and, over q1, from its first.
    assert reached(shares, MERGING) == pytest.approx(np.array([[1, 0.5, 0.3 + 0.5 * 0.25]]))


def test_a_multiple_choice_passes_everybody_on():
    shares = np.array([[0.6, 0.4, 0.1, 0.2, 0.9, 0.5, 0.5]])
    assert reached(shares, MIXED) == pytest.approx(np.array([[1, 0.6, 0.6]]))


def test_nobody_is_asked_more_than_surely():
    tree = Tree.parse(small_tree([1, 1, 1], [None, None]))
    shares = np.array([[0.4, 0.4, 0.2 + 1e-9, 0.5, 0.5]])
    assert reached(shares, tree)[0].tolist() == [1, 1]


@given(tree_values(), st.integers(0, 1000))
def test_reached_is_the_sum_over_all_ways_through_any_tree(values, seed):
    tree = Tree.parse(values)
    shares = fractions(concentrations(1, tree, seed), tree)
    expected = np.zeros(tree.n_questions)

    def walk(index: int | None, probability: float) -> None:
        if index is None:
            return
        expected[index] += probability
        question = tree.questions[index]
        if not question.is_single:
            walk(question.next, probability)
        for answer in question.answers if question.is_single else ():
            walk(answer.next, probability * shares[0, answer.index])

    walk(0, 1.0)
    assert reached(shares, tree)[0] == pytest.approx(expected)


@given(tree_values())
def test_questions_are_taken_after_all_that_lead_to_them(values):
    tree = Tree.parse(values)
    order = [question.index for question in parents_first(tree)]
    assert sorted(order) == list(range(tree.n_questions))
    for question in tree.questions:
        assert all(order.index(question.index) < order.index(after) for after in question.nexts)
