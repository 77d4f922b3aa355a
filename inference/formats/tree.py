"""A published decision tree: immutable, its answers numbered along one axis for ever."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from inference.errors import PathRefused, TreeRefused, shown
from inference.formats import changes
from inference.formats.question import Answer, Question
from inference.formats.tree_json import Document, check_campaign, read_tree, write_tree
from inference.formats.walk import Step, Walk, visits

__all__ = ["Answer", "Question", "Step", "Tree", "Walk", "built_in", "load_built_in"]

_BUILT_IN = Path(__file__).parent / "trees"
_IN_ORDER = ("galaxy-zoo-2", "galaxy-zoo-decals", "three-class")


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """A decision tree as it was published.

    Its K answers are numbered 0 to K - 1 in the order listed; a path, a tally and everything else
    that speaks of answers uses these numbers. Two trees are equal if their files are.
    """

    key: str
    title: str
    campaign: str
    questions: tuple[Question, ...]

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any]) -> Self:
        """Return the tree that a JSON file describes.

        Raises:
            TreeRefused: it cannot be published; one sentence says why, with the question.
        """
        document = read_tree(data)
        return cls(document.key, document.title, document.campaign, document.questions)

    def to_json(self) -> str:
        """Return the canonical file; trees with the same content give the same characters."""
        return write_tree(Document(self.key, self.title, self.campaign, self.questions))

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the canonical file in UTF-8, as 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def for_campaign(self, campaign: str) -> Self:
        """Return the same tree whose column names carry another suffix; empty for none.

        Raises:
            TreeRefused: the suffix is not made of lower-case letters, digits and dashes.
        """
        check_campaign(campaign)
        return dataclasses.replace(self, campaign=campaign)

    # The axis.

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Return all answers in the order of the axis."""
        return tuple(answer for question in self.questions for answer in question.answers)

    @property
    def n_answers(self) -> int:
        """Return K, the length of the axis."""
        return len(self.answers)

    @property
    def n_questions(self) -> int:
        """Return the number of questions."""
        return len(self.questions)

    @property
    def artifacts(self) -> tuple[Answer, ...]:
        """Return the answers that say "bad image"."""
        return tuple(answer for answer in self.answers if answer.is_artifact)

    def name(self, answer: Answer) -> str:
        """Return the name that `Tree.answer` finds the answer by, as in "bar.weak"."""
        return f"{self.questions[answer.question].key}.{answer.key}"

    def column(self, answer: Answer) -> str:
        """Return the answer's column in exports, as in "bar-dr5_weak"."""
        suffix = f"-{self.campaign}" if self.campaign else ""
        return f"{self.questions[answer.question].key}{suffix}_{answer.key}"

    def question(self, key: str) -> Question:
        """Return the question of this key.

        Raises:
            KeyError: the tree has none.
        """
        return self._question_of[key]

    def answer(self, name: str) -> Answer:
        """Return the answer of this name, "question.answer".

        Raises:
            KeyError: the tree has none.
        """
        return self._answer_of[name]

    def answer_of_column(self, column: str) -> Answer | None:
        """Return the answer that a catalog's column is about, by its name or by an alias.

        An alias that several answers bear, such as "Yes", names none of them.
        """
        return self._columns.get(column)

    @cached_property
    def _question_of(self) -> dict[str, Question]:
        return {question.key: question for question in self.questions}

    @cached_property
    def _answer_of(self) -> dict[str, Answer]:
        return {self.name(answer): answer for answer in self.answers}

    @cached_property
    def _columns(self) -> dict[str, Answer | None]:
        found: dict[str, Answer | None] = {}
        for answer in self.answers:
            for alias in answer.aliases:
                found[alias] = None if alias in found else answer
        return found | {self.column(answer): answer for answer in self.answers}

    # Paths: answer indices in the order answered; `walk.py` says more.

    def check_path(self, path: Sequence[int]) -> None:
        """Raise PathRefused if this is not a complete walk through the tree."""
        self.asked(path)

    def asked(self, path: Sequence[int]) -> tuple[int, ...]:
        """Return the indices of the questions asked on a complete path, in that order.

        Raises:
            PathRefused: an answer is missing, doubled, off the path or no answer at all.
        """
        found, waiting = visits(self.questions, self.answers, path, passed=None)
        if waiting is not None:
            raise PathRefused(f'Question "{waiting.key}" has no answer. Answer it.')
        return tuple(visit[0].index for visit in found)

    def tally_of(self, path: Sequence[int]) -> list[int]:
        """Return a complete path as votes over the axis: K numbers, 1 where it has the answer.

        Raises:
            PathRefused: it is not a complete walk through the tree.
        """
        self.check_path(path)
        tally = [0] * self.n_answers
        for index in path:
            tally[index] = 1
        return tally

    def walk(self, path: Sequence[int], passed: Collection[int] = ()) -> Walk:
        """Return how far a path has come, and the question that waits.

        Args:
            passed: indices of the multiple-choice questions left with nothing chosen. Those that
                later answers follow may be left out: the path itself shows that they were passed.

        Raises:
            PathRefused: an answer is off the path, or a question was passed that cannot be.
        """
        found, waiting = visits(self.questions, self.answers, path, passed)
        steps = tuple(
            Step(question, tuple(self.answers[index] for index in path[start:end]))
            for question, start, end in found
        )
        walk = Walk(steps, waiting)
        self._check_passed(walk, passed)
        return walk

    def step(self, walk: Walk, chosen: Sequence[int]) -> Walk:
        """Return the walk after its open question was given these answers, or none to pass it.

        Raises:
            PathRefused: the question cannot be answered so, or none is open.
        """
        question = walk.open
        if question is None:
            raise PathRefused("Every question of this walk has its answer. Go back to change one.")
        if not chosen:
            if question.required:
                raise PathRefused(f'Question "{question.key}" has no answer. Answer it.')
            return self.walk(walk.path, (*walk.passed, question.index))
        for index in chosen:
            if type(index) is not int or index not in question.span:
                raise PathRefused(
                    f'Question "{question.key}" has no answer {shown(index)}. '
                    f"Choose from {question.span[0]} to {question.span[-1]}."
                )
        return self.walk((*walk.path, *sorted(chosen)), walk.passed)

    def paths(self) -> Iterator[tuple[int, ...]]:
        """Yield every complete path that gives one answer to each question, lazily.

        There can be astronomically many: take as many as needed with `itertools.islice`.
        """
        unfinished: list[tuple[tuple[int, ...], Question]] = [((), self.questions[0])]
        while unfinished:
            path, question = unfinished.pop()
            unfinished.extend(
                ((*path, answer.index), self.questions[answer.next])
                for answer in reversed(question.answers)
                if answer.next is not None
            )
            yield from ((*path, a.index) for a in question.answers if a.next is None)

    def parents(self, question: Question) -> tuple[Answer, ...]:
        """Return the answers that lead to a question, in the order of the axis."""
        return tuple(answer for answer in self.answers if answer.next == question.index)

    # Other versions of the tree.

    def axis_from(self, older: "Tree") -> tuple[int | None, ...]:
        """Return for each answer of the older tree its index here, None if it is gone."""
        return changes.axis_from(older, self)

    def same_structure(self, other: "Tree") -> bool:
        """Say whether only texts, helps, icons and aliases differ: a typo fix."""
        return changes.same_structure(other, self)

    def differences(self, other: "Tree") -> list[str]:
        """Return what changed from the other tree to this one, a sentence each."""
        return changes.differences(other, self)

    def _check_passed(self, walk: Walk, passed: Collection[int]) -> None:
        for index in passed:
            if index not in walk.passed:
                known = type(index) is int and 0 <= index < self.n_questions
                name = f'"{self.questions[index].key}"' if known else shown(index)
                raise PathRefused(
                    f"Question {name} was not left with nothing chosen on this path. "
                    f"Take it off the passed ones."
                )


def built_in() -> list[str]:
    """Return the names of the trees that come with the software, the usual choice first."""
    return list(_IN_ORDER)


def load_built_in(name: str) -> Tree:
    """Return a tree that comes with the software.

    Raises:
        TreeRefused: there is none of this name.
    """
    if name not in _IN_ORDER:
        raise TreeRefused(f"No built-in tree is called {shown(name)}. Use {', '.join(_IN_ORDER)}.")
    return Tree.parse((_BUILT_IN / f"{name}.json").read_bytes())
