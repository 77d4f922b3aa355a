import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.belief.posterior import posterior
from inference.belief.retirement import Rule, Verdict
from inference.errors import RuleRefused
from inference.formats.tree import Tree, built_in, load_built_in

TREE = load_built_in("three-class")  # the axis: spiral, elliptical, irregular, artifact
ARTIFACT = {"answers": ["shape.artifact"], "votes": 3, "then": "retire"}


def rule(count: int = 40, /, **artifact) -> Rule:
    """Return a rule; without keywords it has no part about artifacts."""
    part = {**ARTIFACT, **artifact} if artifact else None
    return Rule.parse({"format": 1, "votes": count, "artifact": part}, TREE)


def refusal(data) -> str:
    with pytest.raises(RuleRefused) as refused:
        Rule.parse(data, TREE)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_the_documented_example_is_a_rule():
    page = Path(__file__).parents[3] / "docs" / "formats.md"
    example = page.read_text(encoding="utf-8").split("```json\n")[2].split("```")[0]
    assert Rule.parse(example, TREE) == Rule.default(TREE)


def test_a_subject_goes_on_until_it_has_enough_classifications():
    assert rule(40).verdict([39, 0, 0, 0], 39) == Verdict()
    assert rule(40).verdict([40, 0, 0, 0], 40) == Verdict(
        retired=True, key="count", reason="40 of 40 classifications"
    )
    assert rule(1).verdict([0, 1, 0, 0], 1).reason == "1 of 1 classification"


def test_a_classification_that_came_in_meanwhile_is_told_too():
    assert rule(40).verdict([41, 0, 0, 0], 41).reason == "41 of 40 classifications"


def test_the_third_artifact_vote_retires_where_the_rule_says_so():
    wanted = rule(then="retire")
    assert wanted.verdict([10, 0, 0, 2], 12) == Verdict()
    assert wanted.verdict([10, 0, 0, 3], 13) == Verdict(
        retired=True, flagged=True, key="artifact", reason="3 of 3 artifact votes"
    )


def test_the_third_artifact_vote_only_flags_where_the_rule_says_so():
    wanted = rule(then="flag")
    assert wanted.verdict([10, 0, 0, 2], 12) == Verdict()
    assert wanted.verdict([10, 0, 0, 3], 13) == Verdict(
        retired=False, flagged=True, key="artifact", reason="3 of 3 artifact votes"
    )
    assert wanted.verdict([37, 0, 0, 3], 40) == Verdict(
        retired=True, flagged=True, key="count", reason="40 of 40 classifications"
    )


def test_without_an_artifact_rule_such_votes_are_like_others():
    assert rule(40).verdict([0, 0, 0, 39], 39) == Verdict()


def test_votes_for_several_artifact_answers_are_added():
    wanted = rule(answers=["shape.irregular", "shape.artifact"])
    assert wanted.verdict([0, 9, 1, 1], 11) == Verdict()
    assert wanted.verdict([0, 9, 1, 2], 12).key == "artifact"


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from(["retire", "flag"]),
    st.lists(st.integers(0, 60), min_size=4, max_size=4),
)
def test_more_votes_never_take_a_verdict_back(votes, artifact_votes, then, tally):
    wanted = rule(max(votes, artifact_votes), votes=artifact_votes, then=then)
    now = wanted.verdict(tally, sum(tally))
    for place in range(4):
        more = [count + (index == place) for index, count in enumerate(tally)]
        later = wanted.verdict(more, sum(more))
        assert later.retired >= now.retired
        assert later.flagged >= now.flagged
        assert bool(later.reason) == bool(later.key) == (later.retired or later.flagged)


def test_a_tally_of_another_tree_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="3 entries, the tree 4"):
        rule(40).verdict([0, 0, 0], 0)
    with pytest.raises(ValueError, match="3 entries, the tree 4"):
        rule(40).verdicts(np.zeros((2, 3), int), [0, 0])


def test_a_posterior_of_another_tree_or_of_others_is_an_error_of_the_caller():
    other = load_built_in("galaxy-zoo-2")
    votes = np.zeros((1, other.n_answers))
    with pytest.raises(ValueError, match='of the tree "galaxy-zoo-2", not of the rule'):
        rule(40).verdict([0] * 4, 0, posterior=posterior(other, votes))
    known = posterior(TREE, np.zeros((2, 4)))
    with pytest.raises(ValueError, match="of 2 subjects, not 1"):
        rule(40).verdict([0] * 4, 0, posterior=known)
    with pytest.raises(ValueError, match="of 2 subjects, not 3"):
        rule(40).verdicts(np.zeros((3, 4), int), [0, 0, 0], posterior=known)


@pytest.mark.parametrize("name", built_in())
def test_the_default_rule_flags_at_three_and_retires_at_forty(name):
    tree = load_built_in(name)
    wanted = Rule.default(tree)
    assert wanted.needed() == 40
    assert wanted.to_json() == {
        "format": 2,
        "votes": 40,
        "certainty": None,
        "artifact": {
            "answers": [tree.name(answer) for answer in tree.artifacts],
            "votes": 3,
            "then": "flag",
        },
        "artifact_of_set": {},
        "gold": "never",
    }
    assert Rule.parse(json.dumps(wanted.to_json()), tree) == wanted


def test_the_default_rule_can_be_parsed_for_any_count_and_tree():
    plain = TREE.to_json().replace('"artifact": true', '"artifact": false')
    for tree in (TREE, Tree.parse(plain)):
        for votes in (1, 2, 10_000):
            wanted = Rule.default(tree, votes)
            assert Rule.parse(wanted.to_json(), tree) == wanted
    assert Rule.default(Tree.parse(plain)).artifact is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 3}, "The rule has the format 3"),
        ({"votes": 0}, "the votes 0. Write a whole number from 1 to 10,000"),
        ({"votes": 10_001}, "the votes 10001"),
        ({"votes": 2.5}, "the votes 2.5"),
        ({"votes": True}, "the votes True"),
        ({"votes": "40"}, "the votes '40'"),
        ({"votes": None}, "the votes None"),
        ({"certainty": 0.9}, "unknown field 'certainty'. Use format, votes, artifact only"),
        ({"artifact": 3}, "the artifact 3. Write an object"),
        ({"artifact": []}, "the artifact []. Write an object"),
        ({"artifact": {}}, "The rule's artifact names no answers"),
        ({"artifact": {**ARTIFACT, "answers": []}}, "names no answers. Name at least one"),
        ({"artifact": {**ARTIFACT, "answers": ["artifact"]}}, "'artifact', which the tree"),
        ({"artifact": {**ARTIFACT, "answers": ["shape.cube"]}}, "such as shape.spiral"),
        ({"artifact": {**ARTIFACT, "answers": ["shape.artifact"] * 2}}, "twice among its answers"),
        ({"artifact": {**ARTIFACT, "answers": "shape.artifact"}}, "Write a list"),
        ({"artifact": {**ARTIFACT, "votes": 0}}, "The rule's artifact has the votes 0"),
        (
            {"artifact": {**ARTIFACT, "votes": 41}},
            "wants 41 votes, but the subject retires after 40",
        ),
        ({"artifact": {**ARTIFACT, "then": "burn"}}, 'the then \'burn\'. Write "retire" or "flag"'),
        ({"artifact": {**ARTIFACT, "if": 1}}, "unknown field 'if'"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(change, words):
    values = {"format": 1, "votes": 40, "artifact": ARTIFACT}
    assert Rule.parse(values, TREE).needed() == 40
    assert words in refusal({**values, **change})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[1]", "not a JSON object"),
        (b"{", "is not JSON"),
        (b"{}", "lacks the field 'format'"),
        (b'{"votes": 1, "votes": 2}', "'votes' stands twice"),
        (b" " * 100_001, "larger than 100,000 bytes"),
    ],
    ids=range(5),
)
def test_a_file_that_is_no_rule_is_refused(data, words):
    assert words in refusal(data)
