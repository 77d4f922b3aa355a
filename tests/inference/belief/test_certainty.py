"""Certainty: a rule that retires what is sure, and says why."""

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.belief.posterior import posterior
from inference.belief.retirement import Rule
from inference.errors import RuleRefused
from inference.formats.tree import Tree, load_built_in
from tests.inference.belief.crowds import MERGING
from tests.inference.formats.trees import tree_values

SHAPE = load_built_in("three-class")
GZ2 = load_built_in("galaxy-zoo-2")
SURE = {"probability": 0.95, "votes": 3}


def rule(tree=SHAPE, **certainty):
    return Rule.parse({"format": 2, "votes": 40, "certainty": {**SURE, **certainty}}, tree)


def verdict(wanted, votes, *, prior=None, tree=SHAPE, **more):
    asked = np.full((1, tree.n_questions), sum(votes), float)
    known = posterior(
        tree, np.array([votes], float), asked, prior=None if prior is None else np.array([prior])
    )
    return wanted.verdict(votes, sum(votes), posterior=known, **more)


def test_three_who_agree_are_not_sure_and_seven_are():
    assert not verdict(rule(), [3, 0, 0, 0]).retired
    found = verdict(rule(), [7, 0, 0, 0])
    assert (found.retired, found.key) == (True, "certain")
    assert found.reason == "shape.spiral leads with 98.8 % after 7 classifications"


def test_people_who_disagree_go_on_to_the_count():
    assert not verdict(rule(), [10, 9, 0, 0]).retired
    assert verdict(rule(), [20, 20, 0, 0]).key == "count"


def test_a_network_and_one_vote_are_enough_only_where_the_rule_says_so():
    prior = [30.0, 1.0, 1.0, 1.0]
    assert not verdict(rule(votes=3), [1, 0, 0, 0], prior=prior).retired  # too few classifications
    assert verdict(rule(votes=1), [1, 0, 0, 0], prior=prior).key == "certain"


def test_an_answer_that_only_the_network_favors_retires_nothing():
    prior = [200.0, 1.0, 1.0, 1.0]
    against = [0, 3, 0, 0]
    assert not verdict(rule(people=1), against, prior=prior).retired
    assert verdict(rule(people=0), against, prior=prior).retired
    assert not verdict(rule(people=2), [1, 3, 0, 0], prior=prior).retired
    assert verdict(rule(people=2), [2, 3, 0, 0], prior=prior).retired


def test_a_wide_interval_keeps_a_galaxy_open():
    assert verdict(rule(width=None), [9, 0, 0, 0]).retired
    assert not verdict(rule(width=0.2), [9, 0, 0, 0]).retired
    assert verdict(rule(width=0.2), [30, 0, 0, 0]).retired


def test_only_reached_and_named_questions_must_be_sure():
    votes = np.zeros(GZ2.n_answers, int)
    votes[GZ2.answer("smooth-or-featured.smooth").index] = 30
    tally = votes.tolist()
    asked = np.zeros((1, GZ2.n_questions))
    known = posterior(GZ2, np.array([tally], float), asked + 30)

    def says(**certainty):
        return rule(GZ2, **certainty).verdict(tally, 30, posterior=known)

    first = GZ2.questions[0].key
    assert says(questions=[first]).key == "certain"
    assert not says(questions="all").retired  # how rounded it is, nobody has said
    votes[GZ2.answer("how-rounded.round").index] = 30
    votes[GZ2.answer("something-odd.no").index] = 30
    tally = votes.tolist()
    known = posterior(GZ2, np.array([tally], float), asked + 30)
    found = says(questions="all")
    assert found.key == "certain"
    assert found.reason.startswith("3 questions are sure after 30 classifications, the least ")


def test_gold_never_retires_unless_the_rule_says_so():
    never = rule()
    assert not verdict(never, [40, 0, 0, 0], is_gold=True).retired
    like_others = Rule.parse(never.to_json() | {"gold": "like others"}, SHAPE)
    assert verdict(like_others, [40, 0, 0, 0], is_gold=True).retired


def test_a_set_may_have_its_own_word_on_bad_pictures():
    artifact = {"answers": ["shape.artifact"], "votes": 5, "then": "flag"}
    strict = {"answers": ["shape.artifact"], "votes": 2, "then": "retire"}
    wanted = Rule.parse(
        {
            "format": 2,
            "votes": 40,
            "artifact": artifact,
            "artifact_of_set": {"old-plates": strict, "trusted": None},
        },
        SHAPE,
    )
    assert not wanted.verdict([0, 0, 0, 2], 2).flagged
    assert wanted.verdict([0, 0, 0, 2], 2, subject_set="old-plates").retired
    assert not wanted.verdict([0, 0, 0, 9], 9, subject_set="trusted").flagged
    assert Rule.parse(wanted.to_json(), SHAPE) == wanted


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=1, max_size=9),
    st.sampled_from([0.6, 0.9, 0.95]),
    st.sampled_from([None, 0.3]),
    st.integers(0, 3),
    st.randoms(),
)
def test_many_at_once_are_judged_like_each_alone(tallies, probability, width, people, chance):
    artifact = {
        "answers": ["shape.artifact"],
        "votes": 3,
        "then": chance.choice(["flag", "retire"]),
    }
    values = {
        "format": 2,
        "votes": 20,
        "certainty": {**SURE, "probability": probability, "width": width, "people": people},
        "artifact": artifact,
        "artifact_of_set": {"other": {**artifact, "votes": 1}},
    }
    wanted = Rule.parse(values, SHAPE)
    votes = np.array(tallies)
    gold = [chance.random() < 0.3 for _ in tallies]
    sets = [chance.choice(["", "other"]) for _ in tallies]
    known = posterior(SHAPE, votes.astype(float))
    found = wanted.verdicts(votes, votes.sum(1), posterior=known, is_gold=gold, subject_sets=sets)
    for row, tally in enumerate(tallies):
        alone = wanted.verdict(
            tally, sum(tally), posterior=known.part(row), is_gold=gold[row], subject_set=sets[row]
        )
        assert (alone.retired, alone.flagged, alone.key) == (
            found.retired[row], found.flagged[row], found.keys[row],
        )  # fmt: skip


@settings(max_examples=40)
@given(
    tree_values(),
    st.integers(0, 10_000),
    st.sampled_from([0.5, 0.8, 0.95]),
    st.sampled_from([None, 0.4]),
    st.sampled_from([0, 0.3, 0.5]),
)
def test_on_any_tree_many_at_once_are_judged_like_each_alone(
    values, seed, probability, width, least_reached
):
    tree, rng = Tree.parse(values), np.random.default_rng(seed)
    wanted = rule(tree, probability=probability, width=width, reached=least_reached)
    asked = rng.integers(0, 40, (6, tree.n_questions)).astype(float)
    votes = rng.integers(0, 30, (6, tree.n_answers)) * rng.integers(0, 2, (6, tree.n_answers))
    people = rng.integers(0, 40, 6)
    prior = np.exp(rng.uniform(np.log(0.05), np.log(50), votes.shape))
    prior[rng.random(6) < 0.5] = np.nan
    known = posterior(tree, votes.astype(float), asked, prior=prior)
    found = wanted.verdicts(votes, people, posterior=known)
    order = rng.permutation(6)
    again = wanted.verdicts(votes[order], people[order], posterior=known.part(order))
    assert (again.keys == found.keys[order]).all()
    for row in range(6):
        alone = wanted.verdict(votes[row].tolist(), int(people[row]), posterior=known.part(row))
        assert (alone.retired, alone.flagged, alone.key) == (
            found.retired[row], found.flagged[row], found.keys[row],
        )  # fmt: skip


def test_a_question_with_several_parents_must_be_sure_where_both_ways_together_reach_it():
    """By the one way 0.4 of the volunteers come to q2, by the other 0.3: it is asked of 0.7."""
    alpha = [4.0, 3.0, 3.0, 1e-3, 1e3, 30.0, 1.0]  # q0: to q1, to q2, to the end; of q1 3 to q2
    known = posterior(MERGING, np.zeros((1, 7)), prior=np.array([alpha]))
    assert known.reached()[0, 2] == pytest.approx(0.3, abs=1e-4)
    through = posterior(MERGING, np.zeros((1, 7)), prior=np.array([[4, 3, 3, 1e3, 1e-3, 30, 1]]))
    assert through.reached()[0, 2] == pytest.approx(0.7, abs=1e-4)
    wanted = rule(MERGING, questions=["q2"], reached=0.5, people=0)
    assert not wanted.verdict([0] * 7, 3, posterior=known).retired  # hardly anybody is asked it
    assert wanted.verdict([0] * 7, 3, posterior=through).key == "certain"


def test_an_object_of_any_kind_is_read():
    values = MappingProxyType({"probability": 0.9, "votes": 3})
    wanted = Rule.parse({"format": 2, "votes": 40, "certainty": values}, SHAPE)
    assert wanted.certainty.probability == 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probability": 1}, "the probability 1. Write a number from 0.5 to below 1"),
        ({"probability": 0.3}, "the probability 0.3"),
        ({"probability": float("nan")}, "the probability nan"),
        ({"probability": True}, "the probability True"),
        ({"probability": "high"}, "the probability 'high'"),
        ({"votes": 0}, "the votes 0. Write a whole number from 1 to 40"),
        ({"votes": 41}, "the votes 41. Write a whole number from 1 to 40"),
        ({"people": -1}, "the people -1"),
        ({"reached": 1.5}, "the reached 1.5. Write a number from 0 to 1"),
        ({"width": 0}, "the width 0. Write a number from above 0 to 1"),
        ({"questions": []}, 'names no questions. Name at least one, or write "all"'),
        ({"questions": ["color"]}, "names the question 'color', which the tree"),
        ({"questions": ["shape", "shape"]}, "Write a list of at most 1"),
        ({"surely": 1}, "unknown field 'surely'"),
    ],
)
def test_a_certainty_that_cannot_be_followed_is_refused(change, words):
    with pytest.raises(RuleRefused) as refused:
        rule(**change)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"certainty": 0.9}, "the certainty 0.9. Write an object"),
        ({"gold": "always"}, 'the gold \'always\'. Write "never" or "like others"'),
        ({"artifact_of_set": []}, "the artifact_of_set []. Write an object"),
        ({"artifact_of_set": {"s": 3}}, "The rule's artifact_of_set has the s 3. Write an object"),
        ({"format": 1, "certainty": SURE}, "unknown field 'certainty'"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(change, words):
    with pytest.raises(RuleRefused) as refused:
        Rule.parse({"format": 2, "votes": 40, **change}, SHAPE)
    assert words in str(refused.value)


def test_a_multiple_choice_has_no_leading_answer():
    decals = load_built_in("galaxy-zoo-decals")
    (multiple,) = (question for question in decals.questions if not question.is_single)
    with pytest.raises(RuleRefused, match="a multiple choice, of which no answer leads"):
        rule(decals, questions=[multiple.key])
