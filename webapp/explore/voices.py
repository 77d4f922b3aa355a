"""What people, a network, and both together say of a galaxy, with intervals; no database here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.belief.gain import gain
from inference.belief.interval import wilson
from inference.belief.posterior import Posterior, posterior
from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.consensus.models import Consensus

TAIL = 0.05  # on either side of an interval of the network's or of what is believed


@dataclass(frozen=True)
class Voice:
    """A fraction of those asked who give an answer, 0 to 1, with its interval.

    People's is Wilson's of 95 %, the others' hold 90 %.
    """

    fraction: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """The fraction in percent."""
        return 100 * self.fraction

    @property
    def low_percent(self) -> float:
        """The interval's lower end in percent."""
        return 100 * self.low

    @property
    def high_percent(self) -> float:
        """The interval's upper end in percent."""
        return 100 * self.high


@dataclass(frozen=True)
class Line:
    """An answer and who says what of it.

    Attributes:
        name: in the tree, "question.answer".
        n_votes: people who gave it.
        people, machine: None where nobody was asked, or no network says anything.
    """

    answer: Answer
    name: str
    n_votes: int
    people: Voice | None
    machine: Voice | None
    belief: Voice


@dataclass(frozen=True)
class Asked:
    """A question of a galaxy.

    Attributes:
        after: the answers that lead to it; none lead to the first.
        depth: questions before it on the shortest way.
        n_asked: people who met it.
        reached: the expected share of volunteers who are asked it.
    """

    question: Question
    after: Sequence[Answer]
    depth: int
    n_asked: int
    reached: float
    lines: Sequence[Line]

    @property
    def reached_percent(self) -> float:
        """The share of volunteers who are asked it in percent."""
        return 100 * self.reached


@dataclass(frozen=True)
class Known:
    """All questions of a galaxy, and what the next vote would tell of it, nats."""

    questions: Sequence[Asked]
    gain: float


def known(row: Consensus, tree: Tree) -> Known:
    """Return what is known of a galaxy whose tally is along this tree."""
    votes, asked = np.array([row.weighted]), np.array([row.weighted_asked])
    prior = None if row.prior is None else np.array([row.prior])
    machine = _spoken(posterior(tree, 0 * votes, 0 * asked, prior=prior))
    both = posterior(tree, votes, asked, prior=prior)
    belief, reached = _spoken(both), both.reached()[0]

    def line(answer: Answer) -> Line:
        index = answer.index
        n_asked = row.asked[answer.question]
        return Line(
            answer=answer,
            name=tree.name(answer),
            n_votes=row.votes[index],
            people=of_people(row.votes[index], n_asked) if n_asked else None,
            machine=machine[index] if prior is not None else None,
            belief=belief[index],
        )

    before, depths = leading_to(tree), depths_of(tree)
    questions = [
        Asked(
            question=question,
            after=before[question.index],
            depth=depths[question.index],
            n_asked=row.asked[question.index],
            reached=float(reached[question.index]),
            lines=[line(answer) for answer in question.answers],
        )
        for question in in_order(tree, depths)
    ]
    return Known(questions, float(gain(both)[0]))


def leading_to(tree: Tree) -> list[list[Answer]]:
    """Return for each question the answers that lead to it, all of a multiple choice's too."""
    found: list[list[Answer]] = [[] for _ in tree.questions]
    for question in tree.questions:
        for answer in question.answers:
            following = answer.next if question.is_single else question.next
            if following is not None:
                found[following].append(answer)
    return found


def depths_of(tree: Tree) -> list[int]:
    """Return how many questions come before each, on the shortest way."""
    found = {0: 0}
    waiting = [0]
    for index in waiting:
        for following in _following(tree.questions[index]):
            if following not in found:
                found[following] = found[index] + 1
                waiting.append(following)
    return [found.get(question.index, 0) for question in tree.questions]


def in_order(tree: Tree, depths: Sequence[int]) -> list[Question]:
    """Return the questions as branches: each before those that follow from it."""
    order: list[Question] = []

    def visit(index: int) -> None:
        order.append(tree.questions[index])
        for following in _following(tree.questions[index]):
            is_new = tree.questions[following] not in order
            if is_new and depths[following] == depths[index] + 1:
                visit(following)

    visit(0)
    return order


def _following(question: Question) -> Sequence[int]:
    if question.is_single:
        return question.nexts
    return [] if question.next is None else [question.next]


def of_people(votes: int, asked: int) -> Voice:
    """Return a share of people with its 95 % interval, the same as the catalog's (Wilson 1927)."""
    low, high = wilson(np.array([votes]), np.array([asked]))
    return Voice(votes / asked, float(low[0]), float(high[0]))


def _spoken(said: Posterior) -> list[Voice]:
    low, high = said.interval(1 - 2 * TAIL)
    return [Voice(*map(float, values)) for values in _columns(said.mean, low, high)]


def _columns(*rows: NDArray[np.float64]) -> list[tuple[float, ...]]:
    return list(zip(*(row[0] for row in rows), strict=True))
