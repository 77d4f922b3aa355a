import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.belief.skill import ANONYMOUS, WEIGHT_STEP, Answers, estimate_skills
from inference.errors import SkillRefused
from tests.inference.belief.crowds import MERGING, MIXED, TERNARY
from tests.inference.belief.volunteers import crowd_of_shares, first_question

CLICKERS = list(range(0, 200, 10))


def skills_of(crowd, **fields):
    return estimate_skills(TERNARY, crowd.answers, **crowd.sizes, **fields)


def shares_by(crowd, weight):
    cells = crowd.answers.subject * 3 + crowd.answers.answer
    each = weight[crowd.answers.volunteer]
    counts = np.bincount(cells, each, minlength=crowd.n_subjects * 3).reshape(-1, 3)
    return counts / counts.sum(1, keepdims=True)


@pytest.mark.parametrize("concentrations", [(0.2, 0.2, 0.05), (0.7, 0.7, 0.2), (3.0, 3.0, 1.0)])
def test_an_honest_crowd_weighs_one_whether_galaxies_divide_it_or_not(concentrations):
    crowd = crowd_of_shares(concentrations=concentrations)
    weight = skills_of(crowd).weight
    assert (weight == 1).mean() > 0.95
    assert weight.min() > 0.5
    changed = np.abs(shares_by(crowd, weight) - shares_by(crowd, np.ones(200)))
    assert changed.mean() < 0.005
    assert changed.max() < 0.1


def test_random_clickers_fall_to_little_and_the_honest_keep_one():
    skills = skills_of(crowd_of_shares(CLICKERS))
    assert skills.weight[CLICKERS].mean() < 0.1
    assert skills.weight[CLICKERS].max() < 0.35
    assert np.delete(skills.weight, CLICKERS).mean() > 0.99


def test_weighted_shares_are_nearer_the_truth_than_raw_ones():
    crowd = crowd_of_shares(CLICKERS)
    error = np.square(shares_by(crowd, np.ones(200)) - crowd.truth).mean()
    weighted = np.square(shares_by(crowd, skills_of(crowd).weight) - crowd.truth).mean()
    assert weighted < 0.95 * error


@pytest.mark.parametrize("share_of_clickers", [0.3, 0.45])
def test_a_crowd_of_fake_accounts_does_not_drown_the_honest(share_of_clickers):
    fake = list(range(int(200 * share_of_clickers)))
    weight = skills_of(crowd_of_shares(fake, concentrations=(0.3, 0.3, 0.1), each=20)).weight
    assert weight[fake].mean() < 0.15
    assert np.delete(weight, fake).mean() > 0.97


def one_more(crowd, subjects, said):
    """Return the crowd's answers with those of volunteer 200, who is not one of them."""
    answers = crowd.answers
    volunteer = np.append(answers.volunteer, np.full(len(said), 200))
    return first_question(
        np.append(answers.subject, subjects), volunteer, np.append(answers.answer, said)
    )


def weight_of_one_more(crowd, subjects, said):
    answers = one_more(crowd, subjects, said)
    return estimate_skills(TERNARY, answers, n_subjects=2000, n_volunteers=201).weight[200]


def test_the_minority_on_galaxies_that_divide_everybody_is_no_bad_volunteer():
    crowd = crowd_of_shares()
    divided = np.flatnonzero(np.sort(crowd.truth, 1)[:, -1] < 0.6)[:40]
    second = np.argsort(crowd.truth[divided], 1)[:, -2]
    assert weight_of_one_more(crowd, divided, second) > 0.95
    clear = np.flatnonzero(crowd.truth.max(1) > 0.95)[:40]
    assert weight_of_one_more(crowd, clear, np.argsort(crowd.truth[clear], 1)[:, -2]) < 0.1


def test_who_always_says_the_same_weighs_little_even_if_it_is_mostly_right():
    crowd = crowd_of_shares(concentrations=(1.8, 0.18, 0.02))
    looked = np.arange(0, 2000, 5)
    usual = np.zeros(len(looked), np.int64)
    assert crowd.truth[looked, 0].mean() > 0.85
    assert weight_of_one_more(crowd, looked, usual) < 0.4
    assert weight_of_one_more(crowd, looked, crowd.truth[looked].argmax(1)) == 1


def test_a_better_volunteer_than_the_crowd_weighs_no_more_than_one():
    crowd = crowd_of_shares()
    looked = np.arange(200)
    assert weight_of_one_more(crowd, looked, crowd.truth[looked].argmax(1)) == 1


def test_rare_galaxies_that_nobody_else_has_seen_are_held_against_nobody():
    crowd = crowd_of_shares()
    unseen = np.arange(2000, 2060)
    answers = one_more(crowd, unseen, np.tile([2, 2, 1], 20))
    skills = estimate_skills(TERNARY, answers, n_subjects=2060, n_volunteers=201)
    assert skills.weight[200] == 1


def test_evidence_comes_in_bit_by_bit():
    crowd = crowd_of_shares(concentrations=(0.3, 0.3, 0.1))
    said = np.argmin(crowd.truth, 1)
    weights = [weight_of_one_more(crowd, np.arange(n), said[:n]) for n in (1, 3, 5, 20, 100)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.5
    assert weights[-1] < 0.05


def test_agreement_expectation_and_chance_say_who_looks():
    skills = skills_of(crowd_of_shares(CLICKERS))
    assert np.nanmean(skills.above_chance[CLICKERS]) == pytest.approx(0, abs=0.1)
    honest = np.delete(np.arange(200), CLICKERS)
    assert np.nanmean(skills.above_chance[honest]) == pytest.approx(1, abs=0.08)
    z = (skills.agreement - skills.expected)[honest] / skills.scatter[honest]
    assert np.std(z) == pytest.approx(1, abs=0.15)


def test_nobody_without_answers_is_judged():
    skills = estimate_skills(TERNARY, first_question([], [], []), n_subjects=3, n_volunteers=2)
    assert skills.weight.tolist() == [1, 1]
    assert np.isnan(skills.agreement).all()
    assert skills.n_answers.tolist() == skills.n_gold.tolist() == [0, 0]
    assert (skills.confusion(0) == skills.pooled(0)).all()


def test_no_volunteers_and_no_subjects_are_no_skill():
    skills = estimate_skills(TERNARY, first_question([], [], []), n_subjects=0, n_volunteers=0)
    assert skills.weight.shape == (0,)
    assert skills.confusion(0).shape == (0, 3, 3)


def test_one_answer_condemns_nobody():
    crowd = crowd_of_shares()
    assert weight_of_one_more(crowd, [0], [np.argmin(crowd.truth[0])]) > 0.5


def test_a_question_that_nobody_was_asked_has_a_mostly_right_matrix():
    answers = Answers.from_paths(MERGING, [0, 1], [0, 1], [(2,), (2,)])
    skills = estimate_skills(MERGING, answers, n_subjects=2, n_volunteers=2)
    assert skills.confusion(1).shape == (2, 2, 2)
    assert (np.diagonal(skills.pooled(1)) > 0.5).all()
    assert skills.weight.tolist() == [1, 1]


def test_a_multiple_choice_has_no_matrix():
    answers = Answers.from_paths(MIXED, [0, 0], [0, 1], [(0, 2, 5), (0, 5)])
    skills = estimate_skills(MIXED, answers, n_subjects=1, n_volunteers=2)
    assert skills.n_answers.tolist() == [2, 2]
    with pytest.raises(SkillRefused, match='"signs" is a multiple choice'):
        skills.confusion(1)


def test_the_anonymous_count_for_others_and_are_judged_by_nobody():
    crowd = crowd_of_shares(CLICKERS, n_subjects=500)
    answers = crowd.answers
    hidden = np.where(answers.volunteer < 100, ANONYMOUS, answers.volunteer)
    unknown = first_question(answers.subject, hidden, answers.answer)
    skills = estimate_skills(TERNARY, unknown, n_subjects=500, n_volunteers=200)
    assert (skills.weight[:100] == 1).all()
    assert (skills.n_answers[:100] == 0).all()
    assert skills.weight[[100, 110, 120]].mean() < 0.5


# Gold.


def gold_of(crowd, subjects):
    return subjects, crowd.truth[subjects]


def test_answers_on_gold_are_judged_by_what_the_crowd_says_where_experts_said_so():
    crowd = crowd_of_shares(CLICKERS)
    skills = skills_of(crowd, gold=gold_of(crowd, np.arange(1000)))
    assert skills.n_gold.sum() == 10_000
    assert skills.weight[CLICKERS].mean() < 0.1
    assert (np.delete(skills.weight, CLICKERS) == 1).mean() > 0.95


def test_gold_finds_clickers_where_nobody_else_has_looked():
    crowd = crowd_of_shares(CLICKERS, n_subjects=12_000, each=1, concentrations=(0.3, 0.3, 0.1))
    assert skills_of(crowd).weight.min() > 0.9
    skills = skills_of(crowd, gold=gold_of(crowd, np.arange(12_000)))
    assert skills.weight[CLICKERS].mean() < 0.2
    assert np.delete(skills.weight, CLICKERS).mean() > 0.98


def test_experts_who_mean_something_else_by_an_answer_condemn_nobody():
    crowd = crowd_of_shares(CLICKERS, n_subjects=12_000, each=1, concentrations=(0.3, 0.3, 0.1))
    experts = np.roll(crowd.truth, 1, axis=1)
    skills = skills_of(crowd, gold=(np.arange(12_000), experts))
    assert skills.weight[CLICKERS].mean() < 0.2
    assert np.delete(skills.weight, CLICKERS).mean() > 0.98


def test_gold_may_be_for_a_few_questions():
    answers = Answers.from_paths(MERGING, [0, 0, 1], [0, 1, 1], [(0, 3, 5), (2,), (1, 6)])
    fractions = np.full((1, 7), np.nan)
    fractions[0, :3] = [0.5, 0, 0.5]
    skills = estimate_skills(MERGING, answers, n_subjects=2, n_volunteers=2, gold=([0], fractions))
    assert skills.n_gold.tolist() == [1, 1]
    assert skills.fits[0].probability[0].tolist() == [0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("subjects", "fractions", "sentence"),
    [
        ([0], [[0.5, 0.3, 0.1]], 'The fractions of gold subject 0 sum to 0.9 for "q0".'),
        ([0], [[1.5, -0.5, 0]], r'Gold subject 0 has \[1.5, -0.5, 0.0\] for "q0".'),
        ([0], [[1, 0, np.nan]], r'Gold subject 0 has \[1.0, 0.0, nan\] for "q0".'),
        ([0], [[np.inf, 0, 0]], r'Gold subject 0 has \[inf, 0.0, 0.0\] for "q0".'),
        ([0], [[0.5, 0.5]], r"shape \(1, 2\) for 1 subjects and a tree of 3 answers"),
        ([5], [[1, 0, 0]], "There is a gold subject 5, but only 2 gold subjects."),
        ([1, 1], [[1, 0, 0]] * 2, "Gold subject 1 is there 2 times. Give it one row."),
    ],
)
def test_impossible_gold_is_one_sentence(subjects, fractions, sentence):
    with pytest.raises(SkillRefused, match=sentence):
        estimate_skills(
            TERNARY,
            first_question([0], [0], [0]),
            n_subjects=2,
            n_volunteers=1,
            gold=(subjects, fractions),
        )


def test_answers_of_another_tree_are_refused():
    with pytest.raises(SkillRefused, match="Answer 5 is not on the axis of this tree"):
        estimate_skills(TERNARY, first_question([0], [0], [5]), n_subjects=1, n_volunteers=1)


# What must not matter.


@st.composite
def small_crowds(draw):
    """Draw paths of MERGING, each by one of 6 volunteers about one of 8 subjects."""
    looks = draw(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), max_size=40, unique=True)
    )
    every = list(MERGING.paths())
    paths = [draw(st.sampled_from(every)) for _ in looks]
    return [s for s, _ in looks], [v for _, v in looks], paths


def skills_of_paths(subject, volunteer, paths, **sizes):
    answers = Answers.from_paths(MERGING, subject, volunteer, paths)
    return estimate_skills(MERGING, answers, **{"n_subjects": 8, "n_volunteers": 6} | sizes)


@settings(max_examples=40)
@given(small_crowds())
def test_weights_are_on_their_grid_and_no_greater_than_one(crowd):
    weight = skills_of_paths(*crowd).weight
    assert ((weight >= 0) & (weight <= 1)).all()
    assert (weight % WEIGHT_STEP == 0).all()


@settings(max_examples=40)
@given(small_crowds(), st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_not_a_bit(crowd, chance):
    shuffled = list(zip(*crowd, strict=True))
    chance.shuffle(shuffled)
    skills = skills_of_paths(*crowd)
    again = skills_of_paths(*([row[column] for row in shuffled] for column in range(3)))
    assert (skills.weight == again.weight).all()
    assert np.array_equal(skills.agreement, again.agreement, equal_nan=True)
    for question in range(3):
        assert (skills.confusion(question) == again.confusion(question)).all()


@settings(max_examples=40)
@given(small_crowds(), st.permutations(range(8)), st.permutations(range(6)))
def test_other_numbers_for_subjects_and_volunteers_change_nothing(crowd, subjects, people):
    subject, volunteer, paths = crowd
    skills = skills_of_paths(*crowd)
    renamed = skills_of_paths([subjects[s] for s in subject], [people[v] for v in volunteer], paths)
    assert renamed.weight[people] == pytest.approx(skills.weight, abs=WEIGHT_STEP)
    assert renamed.agreement[people] == pytest.approx(skills.agreement, nan_ok=True)
    for question in range(3):
        assert np.allclose(renamed.confusion(question)[people], skills.confusion(question))


@settings(max_examples=20)
@given(small_crowds())
def test_a_second_estimate_is_the_first(crowd):
    assert (skills_of_paths(*crowd).weight == skills_of_paths(*crowd).weight).all()


@settings(max_examples=20)
@given(small_crowds())
def test_subjects_and_volunteers_without_answers_change_nothing(crowd):
    more = skills_of_paths(*crowd, n_subjects=20, n_volunteers=9).weight
    assert (more[:6] == skills_of_paths(*crowd).weight).all()
    assert (more[6:] == 1).all()
