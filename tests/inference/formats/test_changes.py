import copy

from hypothesis import given
from hypothesis import strategies as st

from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.trees import small_tree, tree_values


@given(tree_values(), st.randoms(use_true_random=False))
def test_the_axis_follows_the_keys_when_answers_are_shuffled(values, random):
    older = Tree.parse(values)
    shuffled = copy.deepcopy(values)
    for question in shuffled["questions"]:
        random.shuffle(question["answers"])
    newer = Tree.parse(shuffled)
    axis = newer.axis_from(older)
    for answer, index in zip(older.answers, axis, strict=True):
        assert index is not None
        assert newer.name(newer.answers[index]) == older.name(answer)
    assert newer.same_structure(older) == (axis == tuple(range(older.n_answers)))


@given(tree_values())
def test_a_tree_does_not_differ_from_itself(values):
    tree = Tree.parse(values)
    assert tree.differences(tree) == []
    assert tree.same_structure(tree)
    assert tree.axis_from(tree) == tuple(range(tree.n_answers))


@given(tree_values(), tree_values())
def test_trees_without_differences_are_the_same(first, second):
    older, newer = Tree.parse(first), Tree.parse(second)
    assert (newer.differences(older) == []) == (newer == older)


def test_a_typo_fix_keeps_the_structure_and_is_told():
    older = small_tree([1, None], [None, None])
    newer = copy.deepcopy(older)
    newer["questions"][1]["text"] = "What now?"
    newer["questions"][1]["answers"][0] |= {"label": "That", "help": "Yes", "icon": "bar"}
    fixed = Tree.parse(newer)
    assert fixed.same_structure(Tree.parse(older))
    assert fixed.differences(Tree.parse(older)) == [
        'Question "q1": changed text.',
        'Question "q1", answer "a0": changed label.',
        'Question "q1", answer "a0": changed help.',
        'Question "q1", answer "a0": changed icon.',
    ]


def test_a_change_of_structure_is_told_in_words():
    older = Tree.parse(small_tree([1, None, 2], [None, None], [None, None]))
    values = small_tree([None, 1], [2, None, None], [None, None])
    values["questions"][0]["answers"][1]["artifact"] = True
    values["questions"][2] |= {"kind": "multiple", "key": "q3", "next": None}
    values["questions"][1]["answers"][0]["next"] = "q3"
    for answer in values["questions"][2]["answers"]:
        del answer["next"]
    newer = Tree.parse(values)
    assert not newer.same_structure(older)
    assert newer.axis_from(older) == (0, 1, None, 2, 3, None, None)
    assert newer.differences(older) == [
        'Question "q2" is gone.',
        'Question "q0": answer "a2" is gone.',
        'Question "q0", answer "a0", now leads to the end; it led to "q1".',
        'Question "q0", answer "a1", now says bad image.',
        'Question "q0", answer "a1", now leads to "q1"; it led to the end.',
        'Question "q1", answer "a0", now leads to "q3"; it led to the end.',
        'Question "q1": answer "a2" is new.',
        'Question "q3" is new.',
    ]


def test_another_order_is_told():
    older = load_built_in("three-class")
    values = small_tree([None, None])
    turned = copy.deepcopy(values)
    turned["questions"][0]["answers"].reverse()
    sentences = Tree.parse(turned).differences(Tree.parse(values))
    assert sentences == ["The answers are listed in another order, so they have other numbers."]
    assert older.for_campaign("dr5").differences(older) == ['The campaign "" is now "dr5".']


def test_a_changed_multiple_choice_is_told():
    values = small_tree([1, None], [None, None], [None, None])
    question = values["questions"][1]
    question |= {"kind": "multiple", "next": "q2"}
    for answer in question["answers"]:
        del answer["next"]
    older = Tree.parse(values)
    values["questions"][0]["answers"][1]["next"] = "q2"
    question |= {"required": True, "next": None}
    assert Tree.parse(values).differences(older) == [
        'Question "q0", answer "a1", now leads to "q2"; it led to the end.',
        'Question "q1" now needs an answer.',
        'Question "q1", now leads to the end; it led to "q2".',
    ]


def test_a_question_that_now_needs_an_answer_is_no_typo_fix():
    values = small_tree([None, None])
    question = values["questions"][0]
    question |= {"kind": "multiple", "next": None}
    for answer in question["answers"]:
        del answer["next"]
    older = Tree.parse(values)
    question["required"] = True
    assert not Tree.parse(values).same_structure(older)
