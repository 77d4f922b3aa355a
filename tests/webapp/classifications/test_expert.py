"""What experts say, as fractions along the axis: one walk, or shares of several experts."""

from pathlib import Path

import pytest

from inference.formats.tree import Tree, load_built_in
from webapp.classifications import expert
from webapp.classifications.expert import GoldUnusable

GZ2 = load_built_in("galaxy-zoo-2")
THREE = load_built_in("three-class")
FORKED = Tree.parse(
    {
        "format": 1,
        "key": "forked",
        "title": "Forked",
        "questions": [
            {
                "key": "shape",
                "text": "Shape?",
                "kind": "single",
                "answers": [
                    {"key": "smooth", "label": "Smooth", "next": None},
                    {"key": "featured", "label": "Features", "next": "features"},
                ],
            },
            {
                "key": "features",
                "text": "Which?",
                "kind": "multiple",
                "required": False,
                "next": None,
                "answers": [{"key": "ring", "label": "Ring"}, {"key": "bar", "label": "Bar"}],
            },
        ],
    }
)


def test_a_path_is_ones_and_zeros_where_it_was_asked():
    assert expert.of_path(FORKED, [0]) == [1, 0, None, None]
    assert expert.of_path(FORKED, [1, 3]) == [0, 1, 0, 1]
    assert expert.of_path(FORKED, [1]) == [0, 1, 0, 0]


def test_names_are_a_path_in_whatever_order():
    names = "features.ring ; shape.featured;"
    assert expert.of_names(FORKED, names) == [0, 1, 1, 0]
    path = next(path for path in GZ2.paths() if len(path) > 5)
    text = ";".join(GZ2.name(GZ2.answers[index]) for index in reversed(path))
    assert expert.of_names(GZ2, text) == expert.of_path(GZ2, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shape.round", "no answer 'shape.round'. Write question.answer, such as shape.smooth"),
        ("smooth", "Write question.answer"),
        ("features.ring", 'Question "shape" has no answer. Answer it.'),
        ("shape.smooth;shape.featured", "Question"),
        ("shape.smooth;features.ring", "'features.ring' is not on the way of the other answers"),
        ("", 'Question "shape" has no answer'),
        ("shape.smooth\n=1", "no answer 'shape.smooth\\n=1'"),
    ],
)
def test_what_is_no_walk_is_refused(text, words):
    with pytest.raises(GoldUnusable) as refused:
        expert.of_names(FORKED, text)
    assert words in str(refused.value)


def test_shares_sum_to_one_in_each_question_and_lead_on():
    given = {0: 0.25, 1: 0.75, 2: 0.5, 3: 1.0}
    assert expert.of_shares(FORKED, given) == [0.25, 0.75, 0.5, 1.0]
    assert expert.of_shares(FORKED, {0: 1.0}) == [1, 0, None, None]
    assert expert.of_shares(FORKED, {0: 1.0, 1: 0, 2: 0, 3: 0}) == [1, 0, None, None]
    assert expert.of_shares(FORKED, {1: 1.0}) == [0, 1, None, None]


def test_thirds_that_people_round_become_a_whole():
    found = expert.of_shares(THREE, {0: 0.33, 1: 0.33, 2: 0.33})
    assert sum(value for value in found if value) == pytest.approx(1, abs=1e-12)


def test_an_unanswered_question_deep_in_a_table_of_zeros_counts_as_not_asked():
    bar = GZ2.questions[2]
    given = dict.fromkeys(range(GZ2.n_answers), 0.0) | {GZ2.questions[0].answers[1].index: 1.0}
    found = expert.of_shares(GZ2, given)
    assert found[GZ2.questions[0].answers[1].index] == 1
    assert not expert.is_known(bar, found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "The first question, “shape”, has no shares"),
        ({0: 0.5}, "The shares of “shape” sum to 0.5. Make them sum to 1"),
        ({0: 0.5, 1: 0.6}, "sum to 1.1"),
        ({0: 0, 1: 0}, "sum to 0"),
        ({0: -0.5, 1: 1.5}, "-0.5 is no share of experts for shape.smooth. Write 0 to 1"),
        ({0: float("nan")}, "nan is no share"),
        ({0: float("inf")}, "inf is no share"),
        ({0: 50, 1: 50}, "50 is no share"),
        ({1: 1.0, 2: 1.2}, "1.2 is no share of experts for features.ring"),
        ({0: 1.0, 2: 0.5}, "“features” has shares, and no share leads to it"),
    ],
)
def test_shares_that_cannot_be_are_refused(given, words):
    with pytest.raises(GoldUnusable) as refused:
        expert.of_shares(FORKED, given)
    assert words in str(refused.value)


def test_what_experts_say_reads_as_words():
    one = expert.said(FORKED, expert.of_path(FORKED, [1, 3]))
    assert [(line.question.key, line.words) for line in one] == [
        ("shape", "Features"),
        ("features", "Bar"),
    ]
    several = expert.said(FORKED, expert.of_shares(FORKED, {0: 0.3, 1: 0.7, 2: 0.4}))
    assert [line.words for line in several] == ["Features 70 %, Smooth 30 %", "Ring 40 %"]
    assert expert.said(FORKED, expert.of_path(FORKED, [1]))[1].words == "none of these"


def test_the_log_names_what_experts_gave():
    assert expert.named(FORKED, [0.25, 0.75, None, 1.0]) == {
        "shape.smooth": 0.25,
        "shape.featured": 0.75,
        "features.bar": 1.0,
    }


def test_words_too_long_are_refused():
    assert expert.check_words("  look left ") == "look left"
    with pytest.raises(GoldUnusable, match="501 characters, and at most 500"):
        expert.check_words("a" * 501)


def test_the_example_in_the_documentation_is_a_walk():
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    example = text.partition("survey_id,answers,words\n")[2].partition("\n")[0]
    _, answers, words = example.split(",")
    assert expert.is_known(GZ2.questions[0], expert.of_names(GZ2, answers))
    assert expert.check_words(words) == words
