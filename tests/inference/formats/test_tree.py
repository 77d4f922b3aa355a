import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import TreeRefused
from inference.formats.tree import Tree, built_in, load_built_in
from tests.inference.formats.trees import small_tree, tree_values


def refusal(data) -> str:
    with pytest.raises(TreeRefused) as refused:
        Tree.parse(data)
    sentence = str(refused.value)
    sentence.encode()
    assert "\n" not in sentence
    return sentence


@given(tree_values())
def test_a_round_trip_keeps_the_tree_and_its_hash(values):
    tree = Tree.parse(values)
    again = Tree.parse(tree.to_json().encode())
    assert again == tree
    assert again.sha256 == tree.sha256
    assert again.questions == tree.questions
    assert again.to_json() == tree.to_json()


@given(tree_values())
def test_answers_are_numbered_in_the_order_listed(values):
    tree = Tree.parse(values)
    listed = [f"{q['key']}.{a['key']}" for q in values["questions"] for a in q["answers"]]
    assert [tree.name(answer) for answer in tree.answers] == listed
    assert [answer.index for answer in tree.answers] == list(range(tree.n_answers))
    for question in tree.questions:
        assert [answer.index for answer in question.answers] == list(question.span)
        assert question.first_answer == question.span[0]
        assert tree.question(question.key) is question


@given(tree_values())
def test_parents_are_exactly_the_answers_that_lead_there(values):
    tree = Tree.parse(values)
    for question in tree.questions:
        for answer in tree.answers:
            assert (answer in tree.parents(question)) == (answer.next == question.index)
        assert bool(tree.parents(question)) == (question.index > 0)


def test_the_order_of_json_fields_does_not_change_the_hash():
    values = small_tree([None, None])
    turned = dict(reversed(values.items()))
    assert Tree.parse(turned).sha256 == Tree.parse(values).sha256


def test_a_byte_order_mark_is_tolerated():
    text = json.dumps(small_tree([None, None]))
    assert Tree.parse(text.encode("utf-8-sig")) == Tree.parse("\ufeff" + text) == Tree.parse(text)


def test_columns_carry_the_campaign_between_question_and_answer():
    tree = load_built_in("galaxy-zoo-decals")
    weak = tree.answer("bar.weak")
    assert tree.column(weak) == "bar_weak"
    assert tree.for_campaign("dr5").column(weak) == "bar-dr5_weak"
    assert tree.for_campaign("dr5").answer_of_column("bar-dr5_weak") == weak
    with pytest.raises(TreeRefused, match=r"'DR 5'.*lower-case"):
        tree.for_campaign("DR 5")


def test_an_alias_of_several_answers_names_none():
    tree = load_built_in("galaxy-zoo-2")
    assert tree.answer_of_column("Class1.1") == tree.answer("smooth-or-featured.smooth")
    assert tree.answer_of_column("Yes") is None
    assert tree.answer_of_column("nothing") is None


def test_an_unknown_key_is_a_key_error():
    tree = load_built_in("three-class")
    for find, name in ((tree.answer, "shape.cube"), (tree.question, "cube")):
        with pytest.raises(KeyError):
            find(name)


def test_a_tree_cannot_be_changed():
    tree = load_built_in("three-class")
    with pytest.raises(AttributeError):
        tree.title = "Other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        tree.answers[0].label = "Other"  # type: ignore[misc]


def test_an_unknown_built_in_tree_names_those_there_are():
    with pytest.raises(TreeRefused, match=r"'\.\./errors'.*galaxy-zoo-2"):
        load_built_in("../errors")


def test_paths_are_yielded_lazily():
    wide = Tree.parse(small_tree(*([n + 1] * 9 for n in range(60)), [None, None]))
    assert len(list(itertools.islice(wide.paths(), 100))) == 100


def test_a_loop_is_spelled_out_in_the_order_of_the_walk():
    sentence = refusal(small_tree([1, None], [2, None], [3, None], [1, None]))
    loops = ("q1 → q2 → q3 → q1", "q2 → q3 → q1 → q2", "q3 → q1 → q2 → q3")
    assert any(f"leads back to itself: {loop}." in sentence for loop in loops)
    assert "q0 → q0" in refusal(small_tree([0, None]))


def test_an_unreachable_question_is_named():
    assert 'Question "q1" is never asked' in refusal(small_tree([None, None], [None, None]))


def test_a_dangling_next_names_question_and_answer():
    values = small_tree([None, None])
    values["questions"][0]["answers"][1]["next"] = "nowhere"
    sentence = refusal(values)
    assert "Question \"q0\", answer 2, leads to 'nowhere'" in sentence


def changed(path: str, value: object) -> dict[str, Any]:
    """Return a small tree with one field set; the path is as in "questions.0.key"."""
    values = copy.deepcopy(small_tree([1, None], [None, None]))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    here: Any = values
    for step in steps:
        here = here[step]
    here[last] = value
    return values


QUESTION, ANSWER = "questions.1", "questions.1.answers.0"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", 2, "the format 2. Write a whole number from 1 to 1"),
        ("format", True, "the format True"),
        ("key", "A B", "the key 'A B'. Use lower-case"),
        ("key", "a" * 61, "61 characters. Shorten it to 60"),
        ("title", "  ", "empty title"),
        ("title", 7, "the title 7. Write a text"),
        ("campaign", "dr_5", "the campaign 'dr_5'"),
        ("color", "red", "unknown field 'color'"),
        ("\ud800", "red", "unknown field '\\ud800'"),
        ("questions", [], "has no questions"),
        ("questions", {}, "has no questions"),
        ("questions", [7], "has 7 among its questions"),
        (f"{QUESTION}.key", "q0", 'Two questions have the key "q0". Rename question 2'),
        (f"{QUESTION}.key", "-q", "Question 2 has the key '-q'"),
        (f"{QUESTION}.key", None, "Question 2 has the key None"),
        (f"{QUESTION}.kind", "triple", 'Question "q1" has the kind \'triple\'. Write "single" or'),
        (f"{QUESTION}.kind", [], 'Question "q1" has the kind []'),
        (f"{QUESTION}.kind", "multiple", "Question \"q1\" lacks the field 'next'"),
        (f"{QUESTION}.required", True, "Question \"q1\" has an unknown field 'required'"),
        (f"{QUESTION}.next", None, "Question \"q1\" has an unknown field 'next'"),
        (f"{QUESTION}.text", "a\x00b", "Question \"q1\" has the character '\\x00' in its text"),
        (f"{QUESTION}.text", "a\ud800b", "Question \"q1\" has the character '\\ud800'"),
        (f"{QUESTION}.text", "a\nb", "Question \"q1\" has the character '\\n' in its text"),
        (f"{QUESTION}.help", "a\x1bb", "Question \"q1\" has the character '\\x1b' in its help"),
        (f"{QUESTION}.help", "a" * 4_001, "a help of 4,001 characters. Shorten it to 4,000"),
        (f"{QUESTION}.aliases", "T1", "the aliases 'T1'. Write a list"),
        (f"{QUESTION}.aliases", [1], "has 1 among its aliases"),
        (f"{QUESTION}.aliases", ["T", "T"], "has 'T' twice among its aliases"),
        (f"{QUESTION}.aliases", ["q0"], "the name 'q0' for question 1 and for question 2"),
        (f"{QUESTION}.answers", [], 'Question "q1" has no answers'),
        (f"{QUESTION}.answers", None, 'Question "q1" has no answers'),
        (f"{QUESTION}.answers", [{}], 'Question "q1" has one answer only'),
        (f"{QUESTION}.answers", [None, None], 'Question "q1" has None among its answers'),
        (f"{ANSWER}.key", "a1", "Question \"q1\" has the name 'a1' for answer 1 and for answer 2"),
        (f"{ANSWER}.aliases", ["a1"], "Question \"q1\" has the name 'a1' for answer 1"),
        (f"{ANSWER}.key", "ä", "Question \"q1\", answer 1, has the key 'ä'"),
        (f"{ANSWER}.label", "", 'Question "q1", answer 1, has an empty label'),
        (f"{ANSWER}.icon", "../x", "answer 1, has the icon '../x'"),
        (f"{ANSWER}.artifact", 1, "answer 1, has the artifact 1. Write true or false"),
        (f"{ANSWER}.next", 1, "answer 1, has the next 1. Write a question's key, or null"),
        (f"{ANSWER}.nxt", None, "answer 1, has an unknown field 'nxt'"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_the_remedy(path, value, words):
    Tree.parse(changed("title", "Right"))
    assert words in refusal(changed(path, value))


@pytest.mark.parametrize("field", ["key", "text", "kind", "answers"])
def test_a_missing_field_is_named(field):
    values = small_tree([None, None])
    del values["questions"][0][field]
    assert f"lacks the field {field!r}. Add it." in refusal(values)


def test_a_forgotten_next_does_not_end_the_classification_silently():
    values = small_tree([None, None])
    del values["questions"][0]["answers"][0]["next"]
    assert "answer 1, lacks the field 'next'" in refusal(values)


def test_line_breaks_are_welcome_in_help():
    assert Tree.parse(changed(f"{QUESTION}.help", "# One\n\ntwo")).questions[1].help


def test_too_many_questions_or_answers_are_counted():
    assert "has 201 questions. Use at most 200" in refusal(small_tree(*[[None, None]] * 201))
    assert "has 1,001 answers. Use at most 1,000" in refusal(small_tree([1] * 501, [None] * 500))
    assert Tree.parse(small_tree([1] * 500, [None] * 500)).n_answers == 1_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Line 1, column 1 is not JSON"),
        (b"\xff\xfe{\x00}\x00", "Byte 0 of the file is not UTF-8"),
        (b'{"key": "\xed\xa0\x80"}', "is not UTF-8"),
        (b'{"format": 1, "format": 1}', "'format' stands twice"),
        (b'{"format": NaN}', "NaN is not JSON"),
        (b'{"format": -Infinity}', "-Infinity is not JSON"),
        (b'{"format": ' + b"9" * 5_000 + b"}", "too many digits"),
        (b'{"format": 1e999}', "the format inf"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b" " * 1_000_001, "larger than 1,000,000 bytes"),
        (b'{"format": 1', "Line 1"),
        (b"{}", "lacks the field 'format'"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_file_that_is_no_tree_is_refused(data, words):
    assert words in refusal(data)


def test_a_mapping_with_a_huge_number_is_refused_too():
    assert "a very large int" in refusal(changed("format", 10**5_000))


_MUTATIONS = {
    "kind": "none",
    "text": "",
    "help": "\x07",
    "answers": [],
    "aliases": "x",
    "surprise": 1,
}


@given(tree_values(), st.data())
def test_any_broken_question_is_named(values, data):
    question = data.draw(st.sampled_from(values["questions"]))
    field = data.draw(st.sampled_from(sorted(_MUTATIONS)))
    question[field] = _MUTATIONS[field]
    assert f'Question "{question["key"]}"' in refusal(values)


@given(tree_values(), st.data())
def test_any_broken_answer_names_its_question(values, data):
    question = data.draw(st.sampled_from(values["questions"]))
    answer = data.draw(st.sampled_from(question["answers"]))
    field, value = data.draw(
        st.sampled_from([("label", 1), ("key", "B!"), ("next", "lost"), ("icon", "/"), ("x", 0)])
    )
    answer[field] = value
    assert f'Question "{question["key"]}", answer ' in refusal(values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["format", "key", "title", "questions", "answers", "kind", "next"]),
                inner,
                max_size=5,
            )
        ),
    )
)
def test_anything_else_is_refused_and_never_breaks(document):
    refusal(json.dumps(document))


def test_the_documented_example_is_a_tree_with_the_documented_paths():
    page = Path(__file__).parents[3] / "docs" / "formats.md"
    tree = Tree.parse(page.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0])
    assert tree.column(tree.answers[0]) == "shape-dr5_smooth"
    for path in ([1, 3, 4], [1, 3], [1], [0], [2]):
        tree.check_path(path)
    assert not tree.walk([1]).is_complete


def test_built_in_trees_are_in_canonical_form():
    assert built_in() == ["galaxy-zoo-2", "galaxy-zoo-decals", "three-class"]
    for name in built_in():
        assert load_built_in(name).key == name
