"""Who answered what: the flat arrays that volunteers' skill is learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.errors import SkillRefused
from inference.formats.tree import Tree

# Somebody of whom nothing is known and of whom nothing is learned: the pooled matrix, weight 1.
ANONYMOUS = -1

_NOT_SINGLE = -1

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to single-choice questions, one an entry, in any order.

    Raises:
        SkillRefused: the arrays are not of one length, not whole numbers, or below 0.
    """

    subject: Integers  # (M,)
    volunteer: Integers  # (M,); ANONYMOUS for nobody known
    question: Integers  # (M,)
    answer: Integers  # (M,), places on the axis

    def __post_init__(self) -> None:
        least = {"subject": 0, "volunteer": ANONYMOUS, "question": 0, "answer": 0}
        for name, lowest in least.items():
            object.__setattr__(self, name, whole_numbers(getattr(self, name), name, lowest))
        lengths = [len(getattr(self, name)) for name in least]
        if len(set(lengths)) > 1:
            raise SkillRefused(
                f"There are {lengths[0]} subjects, {lengths[1]} volunteers, {lengths[2]} questions "
                f"and {lengths[3]} answers. Give one of each for every answer."
            )

    def __len__(self) -> int:
        return len(self.answer)

    @classmethod
    def from_paths(
        cls,
        tree: Tree,
        subject: ArrayLike,
        volunteer: ArrayLike,
        paths: Sequence[Sequence[int]],
    ) -> Self:
        """Return the answers of classifications; multiple choices are left out.

        Args:
            subject, volunteer: of each classification.
            paths: places on the axis in the order answered.

        Raises:
            SkillRefused: an answer is not on the axis, or the three differ in length.
        """
        lengths = np.fromiter(map(len, paths), np.int64, len(paths))
        subject = whole_numbers(subject, "subject", 0)
        volunteer = whole_numbers(volunteer, "volunteer", ANONYMOUS)
        if not len(subject) == len(volunteer) == len(paths):
            raise SkillRefused(
                f"There are {len(subject)} subjects, {len(volunteer)} volunteers and {len(paths)} "
                f"paths. Give one of each for every classification."
            )
        answer = np.fromiter(chain.from_iterable(paths), np.int64, int(lengths.sum()))
        check_axis(tree, answer)
        question = single_question_of(tree)[answer]
        kept = question != _NOT_SINGLE
        return cls(
            np.repeat(subject, lengths)[kept],
            np.repeat(volunteer, lengths)[kept],
            question[kept],
            answer[kept],
        )

    def of(self, kept: NDArray[np.bool_]) -> Self:
        """Return some of the answers."""
        return type(self)(
            self.subject[kept], self.volunteer[kept], self.question[kept], self.answer[kept]
        )

    def in_order(self) -> Self:
        """Return them sorted, so that no sum depends on the order in which they came."""
        order = np.lexsort((self.answer, self.volunteer, self.subject, self.question))
        return type(self)(
            self.subject[order], self.volunteer[order], self.question[order], self.answer[order]
        )

    def check(self, tree: Tree, *, n_subjects: int, n_volunteers: int) -> None:
        """Raise SkillRefused unless these are answers of this tree, subjects and volunteers."""
        if not len(self):
            return
        check_axis(tree, self.answer)
        below(self.subject, n_subjects, "subject")
        below(self.volunteer, n_volunteers, "volunteer")
        wrong = single_question_of(tree)[self.answer] != self.question
        if wrong.any():
            at = int(np.argmax(wrong))
            raise SkillRefused(
                f"Answer {self.answer[at]} is none of the single-choice question "
                f"{self.question[at]} of this tree. Take answers and tree from one workflow."
            )


def single_question_of(tree: Tree) -> Integers:
    """Return the question of each answer, (K,); -1 where it is a multiple choice."""
    return np.array(
        [
            answer.question if tree.questions[answer.question].is_single else _NOT_SINGLE
            for answer in tree.answers
        ],
        np.int64,
    )


def check_axis(tree: Tree, answer: Integers) -> None:
    """Raise SkillRefused for an answer that is not on the tree's axis."""
    wrong = (answer < 0) | (answer >= tree.n_answers)
    if wrong.any():
        raise SkillRefused(
            f"Answer {answer[np.argmax(wrong)]} is not on the axis of this tree, which ends at "
            f"{tree.n_answers - 1}. Use the tree that the answers were given to."
        )


def below(values: Integers, end: int, name: str) -> None:
    """Raise SkillRefused for an index that is not below the end."""
    if len(values) and values.max() >= end:
        raise SkillRefused(
            f"There is a {name} {values.max()}, but only {end} {name}s. "
            f"Number {name}s from 0 and say how many there are."
        )


def whole_numbers(values: ArrayLike, name: str, lowest: int) -> Integers:
    """Return indices as an array of integers, (M,).

    Raises:
        SkillRefused: they are no list of whole numbers from the lowest on.
    """
    found: NDArray[Any] = np.asarray(values)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise SkillRefused(
            f"The {name}s are an array of {found.dtype} with {found.ndim} axes. "
            f"Give whole numbers, one an answer."
        )
    if found.size and found.min() < lowest:
        raise SkillRefused(f"There is a {name} {found.min()}. Number {name}s from 0.")
    return found.astype(np.int64)
