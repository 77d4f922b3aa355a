"""What contradicts itself in votes: people, answers and the ways through the tree.

All of it is arithmetic over whole columns, so a million galaxies take seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from inference.errors import shown
from inference.formats.catalog_columns import (
    PICTURE,
    PICTURE_SHA256,
    SUBJECT_ID,
    CatalogRefused,
    asked_column,
    asked_columns,
    vote_columns,
)
from inference.formats.question import Question
from inference.formats.tree import Tree

MAX_PEOPLE = 10_000_000
_MAX_TEXT = 1000
_SLACK = 1e-3  # of the people asked, at least of one: fractions times people are rounded
_HASH = "^([0-9a-f]{64})?$"
_NO_PATH = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"


def check_texts(texts: dict[str, Sequence[str]]) -> None:
    """Raise CatalogRefused if a text is empty, too long, holds controls, or is no path or hash.

    Args:
        texts: by the column's name, subject_id among them, N each.
    """
    ids = texts[SUBJECT_ID]
    for name, values in texts.items():
        column = _strings(values, ids, name)
        if name != PICTURE_SHA256:
            _refuse(pc.equal(pc.utf8_length(column), 0), ids, name, values, "write one")
        long = pc.greater(pc.utf8_length(column), _MAX_TEXT)
        _refuse(long, ids, name, values, f"shorten it to {_MAX_TEXT:,} characters")
        controls = pc.match_substring_regex(column, r"\p{Cc}")
        _refuse(controls, ids, name, values, "take the characters out that cannot be seen")
        if name == PICTURE:
            bad = pc.match_substring_regex(column, _NO_PATH)
            _refuse(bad, ids, name, values, "write a path inside the catalog's folder")
        if name == PICTURE_SHA256:
            bad = pc.invert(pc.match_substring_regex(column, _HASH))
            _refuse(bad, ids, name, values, "write 64 digits 0-9a-f, or leave it empty")
    _check_unique(ids)


def check_aux(aux: NDArray[np.float32], names: Sequence[str], ids: Sequence[str]) -> None:
    """Raise CatalogRefused if a further column (N, M) is infinite somewhere; NaN is missing."""
    infinite = np.isinf(aux)
    if infinite.any():
        row, place = np.argwhere(infinite)[0]
        raise CatalogRefused(
            f"The galaxy {shown(ids[row])} has an infinite aux_{names[place]}: leave it empty "
            f"where it is not known."
        )


@dataclass(frozen=True, eq=False)
class VoteChecks:
    """The checks of N galaxies' votes (N, K), and of who was asked (N, Q)."""

    tree: Tree
    ids: Sequence[str]
    votes: NDArray[np.float32]
    asked: NDArray[np.float32]

    def run(self) -> None:
        """Raise CatalogRefused with the galaxy, the column, the value and the remedy."""
        self._check_numbers(self.votes, vote_columns(self.tree))
        self._check_numbers(self.asked, asked_columns(self.tree))
        for question in self.tree.questions:
            if question.is_single:
                self._check_single(question)
            else:
                self._check_multiple(question)
        for question in self.tree.questions[1:]:
            self._check_reached(question)

    def _check_numbers(self, values: NDArray[np.float32], names: list[str]) -> None:
        fine = (values >= 0) & (values <= MAX_PEOPLE)  # False for NaN
        if not fine.all():
            row, place = np.argwhere(~fine)[0]
            raise CatalogRefused(
                f"The galaxy {shown(self.ids[row])} has {values[row, place]:g} in {names[place]}: "
                f"write a number of people, from 0 to {MAX_PEOPLE:,}."
            )

    def _check_single(self, question: Question) -> None:
        asked = self.asked[:, question.index]
        given = self.votes[:, _span(question)].sum(axis=1)
        wrong = np.abs(given - asked) > _SLACK * np.maximum(asked, 1)
        if wrong.any():
            row = int(wrong.argmax())
            raise CatalogRefused(
                f"The galaxy {shown(self.ids[row])} has {given[row]:g} answers to "
                f'"{question.key}", but {asked[row]:g} people in '
                f"{asked_column(self.tree, question)}: everybody who is asked gives one answer, "
                f"so correct one of the two."
            )

    def _check_multiple(self, question: Question) -> None:
        asked = self.asked[:, question.index]
        votes = self.votes[:, _span(question)]
        wrong = votes > (asked + _SLACK * np.maximum(asked, 1))[:, None]
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            raise CatalogRefused(
                f"The galaxy {shown(self.ids[row])} has {votes[row, place]:g} people in "
                f"{self.tree.column(question.answers[place])}, but {asked[row]:g} in "
                f"{asked_column(self.tree, question)}: nobody gives an answer twice, so correct "
                f"one of the two."
            )

    def _check_reached(self, question: Question) -> None:
        asked, most = self.asked[:, question.index], self._reached[question.index]
        wrong = asked > most + _SLACK * np.maximum(most, 1)
        if wrong.any():
            row = int(wrong.argmax())
            raise CatalogRefused(
                f"The galaxy {shown(self.ids[row])} has {asked[row]:g} people in "
                f"{asked_column(self.tree, question)}, but at most {most[row]:g} gave an answer "
                f'that leads to "{question.key}": correct one of the two.'
            )

    @cached_property
    def _reached(self) -> dict[int, NDArray[np.float32]]:
        """Return the most people who can have come to each question, (N,), infinite if unknown.

        Where nobody counts as asked, a question's answers may just not be known: as many as came
        to it may have gone on from it.
        """
        found: dict[int, NDArray[np.float32]] = {}

        def came(index: int) -> NDArray[np.float32]:
            if index not in found:
                first = np.full(len(self.ids), np.inf if index == 0 else 0, np.float32)
                parents = [q for q in self.tree.questions if index in q.nexts]
                found[index] = sum((went_on(parent, index) for parent in parents), first)
            return found[index]

        def went_on(parent: Question, index: int) -> NDArray[np.float32]:
            asked = self.asked[:, parent.index]
            leading = [answer.index for answer in parent.answers if answer.next == index]
            through = self.votes[:, leading].sum(axis=1) if parent.is_single else asked
            return np.where(asked > 0, through, came(parent.index))

        for question in self.tree.questions:
            came(question.index)
        return found


def _span(question: Question) -> slice:
    return slice(question.span.start, question.span.stop)


def _strings(values: Sequence[str], ids: Sequence[str], name: str) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError as error:
        row = values.index(error.object)
        raise CatalogRefused(
            f"The galaxy {shown(ids[row])} has the {name} {shown(error.object)}: write it in "
            f"characters that UTF-8 has."
        ) from None


def _refuse(
    wrong: pa.Array, ids: Sequence[str], name: str, values: Sequence[str], remedy: str
) -> None:
    row = pc.index(wrong, value=True).as_py()
    if row < 0:
        return
    whose = f"Galaxy {row + 1:,}" if name == SUBJECT_ID else f"The galaxy {shown(ids[row])}"
    raise CatalogRefused(f"{whose} has the {name} {shown(values[row])}: {remedy}.")


def _check_unique(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise CatalogRefused(
                f"The galaxy {shown(name)} stands in the catalog twice: keep one row a galaxy, "
                f"with its votes added up."
            )
        seen.add(name)
