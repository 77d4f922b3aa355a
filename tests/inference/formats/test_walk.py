import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import PathRefused
from inference.formats.tree import Tree, load_built_in
from inference.formats.walk import Walk
from tests.inference.formats.trees import tree_values


def refusal(check, *arguments) -> str:
    with pytest.raises(PathRefused) as refused:
        check(*arguments)
    sentence = str(refused.value)
    sentence.encode()
    assert "\n" not in sentence
    return sentence


def walk_at_random(tree: Tree, data: st.DataObject) -> list[Walk]:
    """Return every state of a walk from the first question to the end."""
    states = [tree.walk(())]
    while (question := states[-1].open) is not None:
        most = 1 if question.is_single else len(question.answers)
        least = 1 if question.required else 0
        chosen = data.draw(
            st.lists(st.sampled_from(question.span), min_size=least, max_size=most, unique=True)
        )
        states.append(tree.step(states[-1], chosen))
    return states


@given(tree_values(), st.data())
def test_any_walk_ends_in_a_path_that_is_accepted(values, data):
    tree = Tree.parse(values)
    states = walk_at_random(tree, data)
    final = states[-1]
    assert final.is_complete
    assert tree.asked(final.path) == final.asked
    assert sum(tree.tally_of(final.path)) == len(final.path) == len(set(final.path))
    assert len(states) == len(final.steps) + 1


@given(tree_values(), st.data())
def test_every_state_of_a_walk_is_told_by_its_path_and_what_was_passed(values, data):
    tree = Tree.parse(values)
    for state in walk_at_random(tree, data):
        assert tree.walk(state.path, state.passed) == state
        for step in state.steps:
            before = state.before(step.question.index)
            assert before.open == step.question
            assert (
                tree.step(before, [answer.index for answer in step.answers]).path
                == (state.path[: len(before.path) + len(step.answers)])
            )


@given(tree_values(), st.data())
def test_an_unfinished_path_is_refused_with_the_open_question_named(values, data):
    tree = Tree.parse(values)
    for state in walk_at_random(tree, data)[:-1]:
        if state.open is not None and state.open.required:
            assert f'Question "{state.open.key}"' in refusal(tree.check_path, state.path)


@given(tree_values(), st.lists(st.integers(-2, 30), max_size=8))
def test_a_path_is_accepted_only_if_walking_its_answers_gives_it_back(values, path):
    tree = Tree.parse(values)
    try:
        asked = tree.asked(path)
    except PathRefused:
        assert 'question "' in refusal(tree.check_path, path).casefold()
        return
    walk = tree.walk(())
    for index in asked:
        assert walk.open == tree.questions[index]
        walk = tree.step(walk, [item for item in path if item in tree.questions[index].span])
    assert walk.is_complete
    assert walk.path == tuple(path)


def test_a_middle_question_may_be_left_with_nothing_chosen(menu):
    assert menu.asked([0, 7]) == (0, 1, 2)
    assert menu.asked([0, 3, 5, 7]) == (0, 1, 2)
    assert menu.asked([1, 7]) == (0, 2)
    assert menu.asked([2]) == (0,)


def test_a_last_question_may_be_left_with_nothing_chosen(menu):
    assert menu.asked([1, 6, 8]) == menu.asked([1, 6, 8, 10]) == (0, 2, 3, 4)


def test_an_optional_question_waits_until_it_is_passed(menu):
    waiting = menu.walk([0])
    assert waiting.open is menu.question("parts")
    passed = menu.walk([0], passed=[1])
    assert passed.open is menu.question("odd")
    assert passed.chosen == ((menu.answers[0],), ())
    assert menu.step(waiting, []) == passed


def test_later_answers_show_that_a_question_was_passed(menu):
    walk = menu.walk([0, 7])
    assert walk.passed == (1,)
    assert walk.is_complete


def test_a_choice_of_several_is_stored_in_the_order_of_the_axis(menu):
    assert menu.step(menu.walk([0]), [5, 3]).path == (0, 3, 5)


def test_going_back_drops_what_came_after(menu):
    walk = menu.walk([0, 4, 6, 9, 10])
    assert walk.before(2).path == (0, 4)
    assert walk.before(2).open is menu.question("odd")
    assert walk.before(0) == menu.walk(())
    assert menu.walk([2]).before(3) == menu.walk([2])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ([], 'Question "kind" has no answer. Answer it.'),
        ([0], 'Question "odd" has no answer'),
        ([1, 6], 'Question "what" has no answer'),
        ([3], 'answer 3 ("ring") where question "kind" is asked'),
        ([1, 3, 7], 'answer 3 ("ring") where question "odd" is asked. Answer "odd" there.'),
        ([1, 6, 10], 'answer 10 ("friend") where question "what" is asked'),
        ([0, 0], 'Question "kind" has the answer "disk" (0) twice'),
        ([0, 1], 'Question "kind" has a further answer "blob" (1)'),
        ([0, 3, 3, 7], 'Question "parts" has the answer "ring" (3) twice'),
        ([0, 5, 3, 7], 'Question "parts" has a further answer "ring" (3), out of order'),
        ([2, 7], 'answer 7 after its end at question "kind". End the path there.'),
        ([1, 7, 8], 'answer 8 after its end at question "odd"'),
        ([1, 7, 99], 'At question "odd" the path has 99, which is no answer'),
        (
            [11],
            '"kind" the path has 11, which is no answer of this tree: they are numbered 0 to 10',
        ),
        ([-1], "the path has -1"),
        ([0, -8], 'At question "odd" the path has -8'),
        ([10**40], f"the path has {10**40}"),
        ([10**5_000], "the path has a very large int"),
        (["0"], "the path has '0'"),
        ([True], "the path has True"),
        ([0.0], "the path has 0.0"),
        ([None], "the path has None"),
        ([0, [3], 7], 'At question "odd" the path has [3]'),
        (["\ud800"], "the path has '\\ud800'"),
    ],
)
def test_a_wrong_path_is_refused_with_the_question_named(menu, path, words):
    assert words in refusal(menu.check_path, path)
    for ask in (menu.asked, menu.tally_of):
        refusal(ask, path)


@pytest.mark.parametrize(
    ("path", "passed", "words"),
    [
        ([0, 4], [1], 'Question "parts" was not left with nothing chosen'),
        ([0], [0], 'Question "kind" was not left'),
        ([1, 6], [3], 'Question "what" was not left'),
        ([1], [1], 'Question "parts" was not left'),
        ([0], [-1], "Question -1 was not left"),
        ([0], ["\ud800"], "Question '\\ud800' was not left"),
    ],
)
def test_a_question_that_cannot_be_passed_is_refused(menu, path, passed, words):
    assert words in refusal(menu.walk, path, passed)


@pytest.mark.parametrize(
    ("path", "chosen", "words"),
    [
        ([], [], 'Question "kind" has no answer. Answer it.'),
        ([], [3], 'Question "kind" has no answer 3. Choose from 0 to 2.'),
        ([], [0, 1], 'Question "kind" has a further answer'),
        ([0], [4, 4], 'Question "parts" has the answer "bar" (4) twice'),
        ([1, 6], [], 'Question "what" has no answer'),
        ([2], [0], "Every question of this walk has its answer"),
        ([], ["0"], "has no answer '0'"),
    ],
)
def test_an_answer_that_the_open_question_does_not_have_is_refused(menu, path, chosen, words):
    assert words in refusal(menu.step, menu.walk(path), chosen)


def test_a_tally_is_a_path_on_the_axis(menu):
    assert menu.tally_of([0, 3, 5, 7]) == [1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(("name", "n_paths"), [("galaxy-zoo-2", 1265), ("three-class", 4)])
def test_every_listed_path_of_a_built_in_tree_is_complete(name, n_paths):
    """Galaxy Zoo 2: 1 artifact, 8 ends for each of 3 + 3 + 2·4 + 2·3·6·4 ways before "odd"."""
    tree = load_built_in(name)
    paths = list(tree.paths())
    assert len(set(paths)) == len(paths) == n_paths
    for path in paths:
        tree.check_path(path)
