"""The posterior: a network's word and people's votes, added."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference.belief import dirichlet
from inference.belief.posterior import posterior
from inference.errors import EvidenceRefused
from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.trees import tree_values

SHAPE = load_built_in("three-class")  # one question of four answers
DECALS = load_built_in("galaxy-zoo-decals")  # with a multiple choice at its end


def believed(votes, tree=SHAPE, **more):
    return posterior(tree, np.array([votes], float), **more)


def no_votes(tree, n=1):
    return np.zeros((n, tree.n_answers)), np.zeros((n, tree.n_questions))


def test_without_anything_all_answers_are_alike():
    known = believed([0, 0, 0, 0])
    assert known.mean[0] == pytest.approx([0.25] * 4)
    assert known.leads(SHAPE.questions[0])[0] == pytest.approx([0.25] * 4)


def test_votes_add_to_a_network_word_by_word():
    known = believed([3, 0, 1, 0], prior=np.array([[2.0, 5.0, 1.0, 0.5]]), kappa=0.5)
    assert known.alpha[0] == pytest.approx([4.0, 2.5, 1.5, 0.25])
    assert known.mean[0] == pytest.approx(np.array([4.0, 2.5, 1.5, 0.25]) / 8.25)
    assert known.variance[0, 0] == pytest.approx(stats.beta(4.0, 4.25).var())
    low, high = known.interval(0.9)
    assert (low[0, 0], high[0, 0]) == pytest.approx(stats.beta(4.0, 4.25).interval(0.9))


def test_a_galaxy_that_no_network_has_seen_stands_beside_one_that_it_has():
    prior = np.array([[np.nan] * 4, [8.0, 1.0, 1.0, 1.0]])
    known = posterior(SHAPE, np.ones((2, 4)), prior=prior)
    assert known.alpha[0] == pytest.approx([2, 2, 2, 2])
    assert known.alpha[1] == pytest.approx([9, 2, 2, 2])


def test_kappa_may_differ_between_questions():
    votes, asked = no_votes(DECALS)
    kappa = np.linspace(0.5, 1.5, DECALS.n_questions)
    known = posterior(DECALS, votes, asked, prior=np.full((1, DECALS.n_answers), 4.0), kappa=kappa)
    for question in DECALS.questions:
        assert known.alpha[0, question.first_answer] == pytest.approx(4 * kappa[question.index])


def test_each_answer_of_a_multiple_choice_stands_against_those_who_did_not_give_it():
    (multiple,) = (question for question in DECALS.questions if not question.is_single)
    votes, asked = no_votes(DECALS)
    votes[0, multiple.first_answer] = 3
    asked[0, multiple.index] = 10
    flat = posterior(DECALS, votes, asked)
    assert flat.mean[0, multiple.first_answer] == pytest.approx(4 / 12)
    assert flat.mean[0, multiple.first_answer + 1] == pytest.approx(1 / 12)
    prior = np.full((1, DECALS.n_answers), 5.0)
    told = posterior(DECALS, votes, asked, prior=prior, kappa=2.0)
    alpha, rest = 2 * 5.0 + 3, 2 * MULTIPLE_REST + 7
    assert told.mean[0, multiple.first_answer] == pytest.approx(alpha / (alpha + rest))
    assert told.leads(multiple)[0, 0] == pytest.approx(stats.beta(alpha, rest).sf(0.5))


def test_a_prior_alone_is_the_networks_own_fractions():
    rng = np.random.default_rng(3)
    prior = rng.gamma(2, 3, (5, DECALS.n_answers)) + 0.1
    known = posterior(DECALS, *no_votes(DECALS, 5), prior=prior)
    assert known.mean == pytest.approx(dirichlet.fractions(prior, DECALS))
    low, high = known.interval()
    expected = dirichlet.intervals(prior, DECALS)
    assert low == pytest.approx(expected[0])
    assert high == pytest.approx(expected[1])


def test_a_question_with_several_parents_is_reached_by_each():
    known = posterior(DECALS, *no_votes(DECALS))
    merging = DECALS.question("merging")
    assert known.reached()[0, merging.index] == pytest.approx(2 / 3)  # all but artifacts


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.randoms())
def test_the_order_of_votes_does_not_matter(votes, chance):
    shuffled = list(votes)
    chance.shuffle(shuffled)
    one, other = (
        believed(np.bincount(order, minlength=4).tolist()).alpha for order in (votes, shuffled)
    )
    assert (one == other).all()


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 40), min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(0, 256).map(lambda steps: steps / 256),
)
def test_a_vote_never_lowers_the_mean_of_its_answer_nor_its_chance_to_lead(votes, answer, weight):
    question = SHAPE.questions[0]
    before = believed(votes)
    votes[answer] += weight
    after = believed(votes)
    assert after.mean[0, answer] >= before.mean[0, answer] - 1e-12
    assert after.leads(question)[0, answer] >= before.leads(question)[0, answer] - 1e-4


@settings(max_examples=40)
@given(tree_values(), st.integers(0, 10_000), st.integers(0, 256).map(lambda steps: steps / 256))
def test_on_any_tree_a_vote_raises_its_answer_and_lowers_the_others(values, seed, weight):
    tree, rng = Tree.parse(values), np.random.default_rng(seed)
    answer = tree.answers[rng.integers(tree.n_answers)]
    question = tree.questions[answer.question]
    asked = rng.integers(0, 20, (1, tree.n_questions)) / 4
    votes = rng.integers(0, 20, (1, tree.n_answers)) / 4
    votes = np.minimum(votes, asked[:, [one.question for one in tree.answers]])
    prior = np.exp(rng.uniform(np.log(0.05), np.log(200), votes.shape))
    more = votes.copy(), asked.copy()
    more[0][0, answer.index] += weight
    more[1][0, question.index] += weight
    before = posterior(tree, votes, asked, prior=prior)
    after = posterior(tree, *more, prior=prior)
    rise = after.mean[0] - before.mean[0]
    assert rise[answer.index] >= -1e-12
    others = [index for index in range(tree.n_answers) if index != answer.index]
    assert (rise[others] <= 1e-12).all()
    elsewhere = [index for index in others if index not in question.span]
    assert rise[elsewhere] == pytest.approx(np.zeros(len(elsewhere)), abs=0)


@settings(max_examples=40)
@given(tree_values(), st.integers(0, 10_000))
def test_on_any_tree_what_is_believed_hangs_together(values, seed):
    tree, rng = Tree.parse(values), np.random.default_rng(seed)
    asked = np.full((4, tree.n_questions), 20.0)
    votes = rng.integers(0, 20, (4, tree.n_answers)).astype(float)
    prior = np.exp(rng.uniform(np.log(0.05), np.log(200), votes.shape))
    prior[1] = np.nan
    known = posterior(tree, votes, asked, prior=prior, kappa=rng.uniform(0.1, 3, tree.n_questions))
    low, high = known.interval()
    assert ((low <= known.mean) | (known.alpha < 1)).all()
    assert ((low < high) & (low >= 0) & (high <= 1)).all()
    share = known.reached()
    assert (share[:, 0] == 1).all()
    assert ((share >= 0) & (share <= 1)).all()
    for question in tree.questions:
        span = slice(question.span.start, question.span.stop)
        if question.is_single:
            assert known.mean[:, span].sum(axis=1) == pytest.approx(np.ones(4))
            assert known.leads(question).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-7)
    for row in range(4):
        assert (known.part(row).reached()[0] == share[row]).all()
        assert (known.part(row).leading()[0] == known.leading()[row]).all()


def test_one_of_many_is_the_same_alone():
    rng = np.random.default_rng(4)
    votes = rng.integers(0, 9, (6, DECALS.n_answers)).astype(float)
    asked = np.full((6, DECALS.n_questions), 20.0)
    many = posterior(DECALS, votes, asked)
    alone = posterior(DECALS, votes[2:3], asked[2:3])
    assert (many.part(2).alpha == alone.alpha).all()
    assert (many.part(2).rest == alone.rest).all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"prior": np.array([[1.0, 2.0, 0.0, 1.0]])}, "prior of answer 2 of galaxy 0 is 0"),
        ({"prior": np.array([[1.0, np.nan, 1.0, 1.0]])}, "prior of answer 1 of galaxy 0 is nan"),
        ({"prior": np.array([[1.0, -2.0, 1.0, 1.0]])}, "is -2. It must be finite, and above 0"),
        ({"prior": np.array([[1.0, np.inf, 1.0, 1.0]])}, "is inf"),
        ({"prior": np.ones((1, 3))}, "shape (1, 3), but the tree wants (1, 4)"),
        ({"prior": np.ones((2, 4))}, "shape (2, 4), but the tree wants (1, 4)"),
        ({"prior": np.ones((1, 4)), "kappa": 0.0}, "kappa is 0.0. Give numbers above 0"),
        ({"prior": np.ones((1, 4)), "kappa": np.ones(3)}, "kappa has the shape (3,)"),
        ({"prior": np.ones((1, 4)), "kappa": np.nan}, "kappa is nan"),
    ],
)
def test_a_word_that_is_none_is_refused(more, words):
    with pytest.raises(EvidenceRefused) as refused:
        believed([1, 0, 0, 0], **more)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ([1, -1, 0, 0], "votes of answer 1 of galaxy 0 is -1"),
        ([1, np.nan, 0, 0], "is nan. It must be 0 or more"),
        ([1, 0, 0], "(1, 3), but the tree wants (1, 4)"),
    ],
)
def test_votes_that_are_none_are_refused(votes, words):
    with pytest.raises(EvidenceRefused) as refused:
        believed(votes)
    assert words in str(refused.value)


def test_a_multiple_choice_wants_to_know_how_many_were_asked():
    votes, _ = no_votes(DECALS)
    with pytest.raises(EvidenceRefused, match="Say how many people were asked"):
        posterior(DECALS, votes)
