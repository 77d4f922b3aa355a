"""Walks in addresses: how far a volunteer has come, and what they left when they went back."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from inference.errors import PathRefused
from inference.formats.tree import Step, Tree, Walk

ITEM = re.compile(r"p?\d{1,4}", re.ASCII)
MOST_DROPPED = 1000  # characters of an address


def read_walk(tree: Tree, text: str, chosen: Sequence[str] | None = None) -> Walk:
    """Return the walk that an address carries, such as 0-7-p3-12 (p3: question 3 was passed).

    Args:
        chosen: what a multiple-choice form adds; empty passes the question.

    Raises:
        PathRefused: it is no walk through the tree.
    """
    items = text.split("-") if text else []
    for item in [*items, *(chosen or ())]:
        if not ITEM.fullmatch(item):
            raise PathRefused(
                _("The answers %(item)s in the address are no numbers. Start again.")
                % {"item": f"{item[:20]!r}"}
            )
    passed = [int(item[1:]) for item in items if item.startswith("p")]
    walk = tree.walk([int(item) for item in items if not item.startswith("p")], passed)
    if chosen is None:
        return walk
    return tree.step(walk, [int(item) for item in chosen if not item.startswith("p")])


def write_walk(steps: Sequence[Step]) -> str:
    """Return the part of an address that carries these steps."""
    return "-".join(
        item
        for step in steps
        for item in ([str(answer.index) for answer in step.answers] or [f"p{step.question.index}"])
    )


def complete_walk(tree: Tree, path: Sequence[int]) -> Walk:
    """Return the walk of a stored path.

    Raises:
        PathRefused: it is no complete path through the tree.
    """
    met = {tree.answers[index].question for index in path}
    return tree.walk(path, [question for question in tree.asked(path) if question not in met])


# What was left: whoever goes back and chooses the old answer again has the answers below it again.


def read_dropped(tree: Tree, text: str) -> tuple[Walk, ...]:
    """Return the walks that an address remembers, the last one left last; what is none is none."""
    found = []
    for part in text[:MOST_DROPPED].split("."):
        try:
            walk = read_walk(tree, part)
        except PathRefused:
            continue
        if walk.steps:
            found.append(walk)
    return tuple(found)


def write_dropped(dropped: Iterable[Walk]) -> str:
    """Return the part of an address that remembers these walks; the oldest may be forgotten."""
    text = ".".join(write_walk(walk.steps) for walk in dropped)
    return text if len(text) <= MOST_DROPPED else text[-MOST_DROPPED:].partition(".")[2]


def begins(walk: Walk, start: Walk) -> bool:
    """Say whether a walk goes the whole way of another one first."""
    return _marks(walk)[: len(start.steps)] == _marks(start)


def _marks(walk: Walk) -> list[tuple[int, tuple[int, ...]]]:
    return [
        (step.question.index, tuple(answer.index for answer in step.answers)) for step in walk.steps
    ]


def leave(dropped: Sequence[Walk], walk: Walk) -> tuple[Walk, ...]:
    """Return what is remembered when somebody goes back from a walk."""
    if not walk.steps:
        return tuple(dropped)
    longer = [one for one in dropped if begins(one, walk)]
    kept = longer[-1] if longer else walk
    return (*(one for one in dropped if not begins(kept, one)), kept)


def restore(dropped: Sequence[Walk], walk: Walk) -> Walk:
    """Return the walk that was left last among those that begin like this one, else this one."""
    return next((one for one in reversed(dropped) if begins(one, walk)), walk)


@lru_cache(maxsize=256)
def question_counts(tree: Tree) -> tuple[int, int]:
    """Return how many questions the shortest and the longest way through a tree has."""
    known: dict[int | None, tuple[int, int]] = {None: (0, 0)}

    def counts(index: int | None) -> tuple[int, int]:
        if index not in known:
            after = [counts(answer.next) for answer in tree.questions[index or 0].answers]
            known[index] = 1 + min(least for least, _ in after), 1 + max(most for _, most in after)
        return known[index]

    return counts(0)
