"""A walk through a tree: which questions were asked, what was chosen, which one waits.

A path is a sequence of answer indices in the order answered. A multiple-choice question adds as
many as were chosen, ascending, so none at all if it was passed. While the walk is unfinished a
passed question looks like one that waits; `passed` tells them apart, and later answers imply it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NoReturn

from inference.errors import PathRefused, shown
from inference.formats.question import Answer, Question


@dataclass(frozen=True, slots=True)
class Step:
    """A question that was dealt with; no answers means that it was passed."""

    question: Question
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps taken, and the question that waits for an answer; None when complete."""

    steps: tuple[Step, ...]
    open: Question | None

    @property
    def path(self) -> tuple[int, ...]:
        """Return the answer indices in the order answered."""
        return tuple(answer.index for step in self.steps for answer in step.answers)

    @property
    def passed(self) -> tuple[int, ...]:
        """Return the indices of multiple-choice questions left with nothing chosen."""
        return tuple(step.question.index for step in self.steps if not step.answers)

    @property
    def asked(self) -> tuple[int, ...]:
        """Return the question indices dealt with, in order; the open one is not among them."""
        return tuple(step.question.index for step in self.steps)

    @property
    def chosen(self) -> tuple[tuple[Answer, ...], ...]:
        """Return the answers of each question in `asked`."""
        return tuple(step.answers for step in self.steps)

    @property
    def is_complete(self) -> bool:
        """Say whether no question waits."""
        return self.open is None

    def before(self, question: int) -> "Walk":
        """Return the walk as it was when this question waited; unchanged if it never did."""
        for number, step in enumerate(self.steps):
            if step.question.index == question:
                return Walk(self.steps[:number], step.question)
        return self


Visit = tuple[Question, int, int]  # a question, and the slice of the path that answers it


def visits(
    questions: tuple[Question, ...],
    answers: tuple[Answer, ...],
    path: Sequence[int],
    passed: Collection[int] | None,
) -> tuple[list[Visit], Question | None]:
    """Follow a path and return each question with its slice of it, and the question that waits.

    Args:
        passed: optional questions left with nothing chosen; None means all that the path skips.

    Raises:
        PathRefused: an item of the path does not answer the question asked there.
    """
    found: list[Visit] = []
    at, n_items = 0, len(path)
    question: Question | None = questions[0]
    while question is not None:
        span, start = question.span, at
        if question.is_single:
            if at == n_items:
                return found, question
            item = path[at]
            if type(item) is not int or item not in span:
                _refuse(answers, path, at, question, found)
            at, following = at + 1, answers[item].next
        else:
            at = _end_of_choices(path, at, span)
            if at == start and _waits(question, at == n_items, passed):
                return found, question
            if at == start and question.required:
                _refuse(answers, path, at, question, found)
            following = question.next
        found.append((question, start, at))
        question = None if following is None else questions[following]
    if at < n_items:
        _refuse(answers, path, at, None, found)
    return found, None


def _waits(question: Question, is_end: bool, passed: Collection[int] | None) -> bool:  # noqa: FBT001
    if not is_end:
        return False
    return question.required or (passed is not None and question.index not in passed)


def _end_of_choices(path: Sequence[int], start: int, span: range) -> int:
    """Return where the ascending run of answers to one multiple-choice question ends."""
    at = start
    while at < len(path) and type(path[at]) is int and path[at] in span:
        if at > start and path[at] <= path[at - 1]:
            break
        at += 1
    return at


def _refuse(
    answers: tuple[Answer, ...],
    path: Sequence[int],
    at: int,
    question: Question | None,
    found: list[Visit],
) -> NoReturn:
    """Say why path[at] is no answer to the question, or why nothing may follow the last one."""
    item = path[at]
    keys = {visit[0].index: visit[0].key for visit in found}
    remedy = f'Answer "{question.key}" there.' if question else "End the path there."
    if type(item) is not int or not 0 <= item < len(answers):
        asked = question or found[-1][0]
        raise PathRefused(
            f'At question "{asked.key}" the path has {shown(item)}, which is no answer of this '
            f"tree: they are numbered 0 to {len(answers) - 1}. {remedy}"
        )
    answer = answers[item]
    if item in path[:at]:
        raise PathRefused(
            f'Question "{keys[answer.question]}" has the answer "{answer.key}" ({item}) twice. '
            f"Give it once."
        )
    if answer.question in keys:
        raise PathRefused(
            f'Question "{keys[answer.question]}" has a further answer "{answer.key}" ({item}), out '
            f"of order or one too many. Give one answer to a single choice, else ascending ones."
        )
    if question is None:
        raise PathRefused(
            f'The path goes on with answer {item} after its end at question "{found[-1][0].key}". '
            f"{remedy}"
        )
    raise PathRefused(
        f'The path has answer {item} ("{answer.key}") where question "{question.key}" is asked. '
        f"{remedy}"
    )
