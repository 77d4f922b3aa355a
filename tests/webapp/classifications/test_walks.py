"""Walks in addresses: back, forward, and the old answer again (UX-T1), over random trees."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import PathRefused
from inference.formats.tree import Tree, Walk, load_built_in
from tests.inference.formats.trees import tree_values
from webapp.classifications.models import Handout
from webapp.classifications.task import Task
from webapp.classifications.walks import (
    MOST_DROPPED,
    begins,
    complete_walk,
    leave,
    question_counts,
    read_dropped,
    read_walk,
    restore,
    write_dropped,
    write_walk,
)
from webapp.workflows.models import TreeVersion, Workflow


class Page:
    """What a volunteer sees and does, by nothing but addresses and form values."""

    def __init__(self, tree: Tree) -> None:
        row = TreeVersion(document=tree.to_json(), sha256=tree.sha256)
        self.handout = Handout(tree=row, workflow=Workflow(slug="hubble"))
        self.tree = tree
        self.go("", "")

    def go(self, answers: str, dropped: str, chosen: list[str] | None = None) -> None:
        left = read_dropped(self.tree, dropped)
        walk = read_walk(self.tree, answers, chosen)
        walk = walk if chosen is None else restore(left, walk)
        self.task = Task(self.handout, walk, dropped=left)

    @property
    def walk(self) -> Walk:
        return self.task.walk

    def answer(self, chosen: list[int]) -> None:
        """Press an answer, or choose several and Next."""
        question = self.walk.open
        assert question
        if question.is_single:
            place = [choice.answer.index for choice in self.task.choices].index(chosen[0])
            self.go(self.task.choices[place].walk, self.task.kept)
        else:
            self.go(self.task.answers, self.task.kept, [str(index) for index in chosen])

    def back_to(self, number: int) -> None:
        """Press a step of the trail."""
        self.go(self.task.trail[number].walk, self.task.leaving)

    def reload(self) -> None:
        sent = parse_qs(urlsplit(self.task.page).query)
        self.go(sent.get("answers", [""])[0], sent.get("dropped", [""])[0])


def answers_to(walk: Walk, data: st.DataObject) -> list[int]:
    question = walk.open
    assert question
    most = 1 if question.is_single else len(question.answers)
    least = 1 if question.required else 0
    options = st.sampled_from(question.span)
    return sorted(data.draw(st.lists(options, min_size=least, max_size=most, unique=True)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tree_values(), st.data())
def test_whatever_one_does_the_path_is_what_the_page_shows(values, data):
    page = Page(Tree.parse(values))
    left: dict[tuple[str, ...], Walk] = {}  # by beginning: the walk that was left last
    for _ in range(data.draw(st.integers(1, 15))):
        moves = ["reload"]
        moves += ["answer"] if page.walk.open else []
        moves += ["back"] if page.walk.steps else []
        move = data.draw(st.sampled_from(moves))
        before = page.walk
        if move == "reload":
            page.reload()
            assert page.walk == before
        elif move == "back":
            number = data.draw(st.integers(0, len(before.steps) - 1))
            page.back_to(number)
            assert page.walk.steps == before.steps[:number]
            remember(left, before)
        else:
            chosen = answers_to(before, data)
            page.answer(chosen)
            wanted = page.tree.step(before, chosen)
            assert page.walk == left.get(marks(wanted), wanted)
        # The stored path, the trail and the address say the same.
        path = [answer.index for step in page.walk.steps for answer in step.answers]
        assert page.task.path == "-".join(map(str, path))
        assert len(page.task.trail) == len(page.walk.steps)
        if page.walk.is_complete:
            page.tree.check_path(path)


def marks(walk: Walk) -> tuple[str, ...]:
    return tuple(write_walk([step]) for step in walk.steps)


def remember(left: dict[tuple[str, ...], Walk], walk: Walk) -> None:
    """Note a walk under each of its beginnings; one that goes further is what is brought back."""
    whole = left.get(marks(walk), walk)
    for length in range(1, len(whole.steps) + 1):
        left[marks(whole)[:length]] = whole


@pytest.fixture
def decals() -> Tree:
    return load_built_in("galaxy-zoo-decals")


def test_another_answer_drops_what_was_below_and_the_old_one_brings_it_back(decals):
    page = Page(decals)
    for index in (1, 1, 0):
        question = page.walk.open
        assert question
        page.answer([question.span[index]])
    before = page.walk
    page.back_to(0)
    first = before.steps[0].answers[0].index
    assert [choice.is_earlier for choice in page.task.choices].index(True) == first

    page.answer([0])
    assert len(page.walk.steps) == 1
    page.back_to(0)
    page.answer([first])
    assert page.walk == before


@pytest.mark.parametrize("text", ["", ".", "x", "0-99", "999999", "0.0-7.\0", "p1", "9" * 5000])
def test_what_is_no_walk_is_not_remembered(decals, text):
    walks = read_dropped(decals, text)
    assert all(walk.steps for walk in walks)
    assert read_dropped(decals, write_dropped(walks)) == walks


def test_an_address_stays_short(decals):
    one = read_walk(decals, "0")
    every = [read_walk(decals, write_walk(one.steps))] * 900
    text = write_dropped(every)
    assert len(text) <= MOST_DROPPED
    assert read_dropped(decals, text)


MULTIPLE = {
    "format": 1, "key": "odd", "title": "Odd",
    "questions": [
        {"key": "odd", "text": "Anything odd?", "kind": "multiple",
         "answers": [{"key": "ring", "label": "Ring"}, {"key": "lens", "label": "Lens"}],
         "next": "sure"},
        {"key": "sure", "text": "Sure?", "kind": "single",
         "answers": [{"key": "yes", "label": "Yes", "next": None},
                     {"key": "no", "label": "No", "next": None}]},
    ],
}  # fmt: skip


def test_a_part_of_a_choice_is_not_the_choice():
    page = Page(Tree.parse(MULTIPLE))
    page.answer([0, 1])
    page.answer([2])
    page.back_to(0)
    assert [choice.is_earlier for choice in page.task.choices] == [True, True]
    page.answer([0])
    assert page.task.path == "0"
    page.back_to(0)
    page.answer([0, 1])
    assert page.task.path == "0-1-2"


def test_a_stored_path_is_a_whole_walk(decals):
    path = next(iter(decals.paths()))
    assert complete_walk(decals, path).is_complete
    with pytest.raises(PathRefused):
        complete_walk(decals, path[:1] if len(path) > 1 else [])


def test_the_number_of_questions(decals):
    three = load_built_in("three-class")
    assert question_counts(three) == (1, 1)
    lengths = {len(path) for path in decals.paths()}
    assert question_counts(decals) == (min(lengths), max(lengths))


def test_leaving_nothing_remembers_nothing(decals):
    assert leave((), decals.walk(())) == ()
    assert begins(decals.walk((0,)), decals.walk(()))
