"""What the classify page shows: a galaxy, the question that waits, and the answers so far."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from inference.errors import PathRefused
from inference.formats.tree import Answer, Question, Step, Walk
from webapp.classifications.models import Handout
from webapp.classifications.queries import Repeat
from webapp.classifications.shown import Shown

ITEM = re.compile(r"p?\d{1,4}", re.ASCII)


def read_walk(handout: Handout, text: str, chosen: Sequence[str] | None = None) -> Walk:
    """Return the walk that an address carries, such as 0-7-p3-12 (p3: question 3 was passed).

    Args:
        chosen: what a multiple-choice form adds; empty passes the question.

    Raises:
        PathRefused: it is no walk through the tree that was shown.
    """
    tree = handout.tree.tree
    items = text.split("-") if text else []
    for item in [*items, *(chosen or ())]:
        if not ITEM.fullmatch(item):
            raise PathRefused(f"The answers {item[:20]!r} in the address are no numbers. Start again.")
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
        for item in (
            [str(answer.index) for answer in step.answers] or [f"p{step.question.index}"]
        )
    )


@dataclass(frozen=True)
class Choice:
    """An answer button: where it leads, and the digit that names it."""

    answer: Answer
    digit: int
    href: str
    part: str


@dataclass(frozen=True)
class TrailStep:
    """A step already taken, and the address that takes it back."""

    question: Question
    words: str
    href: str
    part: str


@dataclass(frozen=True)
class Task:
    """Everything that the page and its parts are drawn from."""

    handout: Handout
    walk: Walk
    repeat: Repeat | None = None
    error: str = ""

    def _address(self, view: str, walk: str) -> str:
        place = reverse(
            f"classifications:{view}", args=[self.handout.workflow.slug, self.handout.uuid]
        )
        return f"{place}?answers={walk}" if walk else place

    @property
    def page(self) -> str:
        """The address of the page as it stands."""
        return self._address("galaxy", write_walk(self.walk.steps))

    @property
    def part(self) -> str:
        """The address of the question as a part."""
        return self._address("question", "")

    @property
    def answers(self) -> str:
        """The walk so far, for a form."""
        return write_walk(self.walk.steps)

    @property
    def question(self) -> Question | None:
        """The question that waits; None when Done is possible."""
        return self.walk.open

    @property
    def number(self) -> int:
        """Number of the question that waits, from 1."""
        return len(self.walk.steps) + 1

    @cached_property
    def choices(self) -> list[Choice]:
        """The answers to the question that waits."""
        if self.walk.open is None:
            return []
        so_far = write_walk(self.walk.steps)
        return [
            Choice(answer, digit, self._address("galaxy", item), self._address("question", item))
            for digit, answer in enumerate(self.walk.open.answers, start=1)
            for item in [f"{so_far}-{answer.index}" if so_far else str(answer.index)]
        ]

    @cached_property
    def trail(self) -> list[TrailStep]:
        """The steps taken, each a way back to its question."""
        return [
            TrailStep(
                step.question,
                ", ".join(answer.label for answer in step.answers) or "none of these",
                self._address("galaxy", write_walk(self.walk.steps[:number])),
                self._address("question", write_walk(self.walk.steps[:number])),
            )
            for number, step in enumerate(self.walk.steps)
        ]

    @property
    def path(self) -> str:
        """The complete path, for the form that stores it."""
        return "-".join(str(index) for index in self.walk.path)

    @property
    def signed(self) -> str:
        """What the page says of itself, signed."""
        return Shown.of(self.handout).sign()
