"""Counting one classification along the answer axis; no database here."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from inference.formats.tree import Tree

Number = TypeVar("Number", int, float)


@lru_cache(maxsize=256)
def _bridge(older: Tree, axis: Tree) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    """Return where the answers and the questions of an older tree stand on the axis, by key."""
    questions = {question.key: question.index for question in axis.questions}
    return axis.axis_from(older), tuple(questions.get(q.key) for q in older.questions)


def counted(path: Sequence[int], tree: Tree, axis: Tree) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the answers and the questions that a path adds one to.

    Args:
        path: a complete path through `tree`, as indices on its own axis.
        axis: the tree whose axis is counted on; the same tree, or a later version of it. What the
            later version no longer knows is left out.
    """
    asked = tree.asked(path)
    if tree.sha256 == axis.sha256:
        return tuple(path), tuple(asked)
    answers, questions = _bridge(tree, axis)
    return (
        tuple(index for i in path if (index := answers[i]) is not None),
        tuple(index for q in asked if (index := questions[q]) is not None),
    )


def moved(
    votes: Sequence[int], asked: Sequence[int], tree: Tree, axis: Tree
) -> tuple[list[int], list[int]]:
    """Return counts along `tree` as counts along a later axis; what that no longer has is lost."""
    answers, questions = _bridge(tree, axis)
    found = [0] * axis.n_answers, [0] * axis.n_questions
    for counts, places, given in zip(found, (answers, questions), (votes, asked), strict=True):
        for place, number in zip(places, given, strict=True):
            if place is not None:
                counts[place] += number
    return found


def add(counts: list[Number], indices: Sequence[int], amount: Number) -> None:
    """Add so much at each index, in place."""
    for index in indices:
        counts[index] += amount
