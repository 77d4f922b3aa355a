"""The part of a rule that retires a galaxy once its answers are sure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.beta_table import quick_quantile
from inference.belief.dirichlet import span_of
from inference.belief.leading import is_leading
from inference.belief.posterior import Posterior
from inference.errors import RuleRefused, shown
from inference.formats.fields import Fields
from inference.formats.question import Question
from inference.formats.tree import Tree

ALL = "all"
_BLOCK = 50_000  # galaxies at once


@dataclass(frozen=True, slots=True)
class Certainty:
    """When the answers of a galaxy are sure enough.

    Of every question that it names and that enough volunteers are asked, the leading answer must
    lead with this probability, and so many people must have given it: what only a network favors
    retires nothing.
    """

    probability: float  # 0.5 to 1, of the leading answer
    votes: int  # classifications, at least
    people: int  # who gave each leading answer, at least
    reached: float  # 0 to 1, share of volunteers asked, from which on a question must be sure
    questions: tuple[str, ...] | None  # keys; None for every single choice
    width: float | None  # of the leading fraction's 90 % interval, at most; None for any

    @property
    def percent(self) -> float:
        """Return the probability in percent."""
        return round(100 * self.probability, 4)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_certainty` reads."""
        return {
            "probability": self.probability,
            "votes": self.votes,
            "people": self.people,
            "reached": self.reached,
            "questions": ALL if self.questions is None else list(self.questions),
            "width": self.width,
        }

    def judged(self, tree: Tree) -> list[Question]:
        """Return the questions that must be sure where they are reached."""
        if self.questions is None:
            return [question for question in tree.questions if question.is_single]
        return [tree.question(key) for key in self.questions]

    def is_sure(
        self, known: Posterior, votes: NDArray[np.integer[Any]], n_classifications: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Return where the answers are sure, (N,).

        Args:
            votes: the people's own, unweighted, (N, K); n_classifications: (N,).
        """
        rows = np.flatnonzero(np.asarray(n_classifications) >= self.votes)
        found = np.zeros(len(known.alpha), bool)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            found[part] = self._is_sure(known.part(part), np.asarray(votes)[part])
        return found

    def _is_sure(self, known: Posterior, votes: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        must = known.reached() >= self.reached
        is_any = np.zeros(len(votes), bool)  # whether any question had to be sure
        is_open = np.ones(len(votes), bool)
        somewhere = set(np.flatnonzero(must.any(axis=0)).tolist())
        for question in self.judged(known.tree):
            if question.index not in somewhere or not is_open.any():
                continue
            asked = np.flatnonzero(is_open & must[:, question.index])
            is_any[asked] = True
            is_open[asked] = self._is_question_sure(known, votes, question, asked)
        return is_any & is_open

    def _is_question_sure(
        self,
        known: Posterior,
        votes: NDArray[np.integer[Any]],
        question: Question,
        rows: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        alpha = known.alpha[rows, span_of(question)]
        best = alpha.argmax(axis=1) + question.first_answer
        found: NDArray[np.bool_] = votes[rows, best] >= self.people
        if self.width is not None:
            leading, rest = known.alpha[rows, best], known.rest[rows, best]
            low, high = (quick_quantile(leading, rest, tail) for tail in (0.05, 0.95))
            found &= high - low <= self.width
        if found.any():
            found[found] = is_leading(alpha[found], self.probability)
        return found


def certainty_words(rule: Certainty, known: Posterior, n_classifications: int) -> str:
    """Return why one galaxy is sure: how many answers, and the least sure of them."""
    shares = known.reached()[0]
    sure = [
        (float(known.leads(question).max()), question)
        for question in rule.judged(known.tree)
        if shares[question.index] >= rule.reached
    ]
    least, question = min(sure, key=lambda one: one[0])
    answer = known.tree.answers[int(known.leading()[0, question.index])]
    people = f"{n_classifications:,} classification{'' if n_classifications == 1 else 's'}"
    name = known.tree.name(answer)[:80]
    if len(sure) == 1:
        return f"{name} leads with {_percent(least)} after {people}"
    return f"{len(sure)} questions are sure after {people}, the least {name} with {_percent(least)}"


def _percent(share: float) -> str:
    return f"{np.floor(share * 1000) / 10:.1f} %"  # never rounded up to certainty


def read_certainty(values: Any, tree: Tree, most_votes: int) -> Certainty | None:
    """Return the certainty part of a rule; null is none.

    Raises:
        RuleRefused: one sentence with the value and the remedy.
    """
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise RuleRefused(
            f"The rule has the certainty {shown(values)}. Write an object {{…}}, or null."
        )
    fields = Fields("The rule's certainty", values, RuleRefused)
    fields.known("probability", "votes", "people", "reached", "questions", "width")
    votes = fields.count("votes", least=1, most=most_votes)
    return Certainty(
        probability=fields.number("probability", least=0.5, most=1, below_most=True),
        votes=votes,
        people=fields.count("people", least=0, most=most_votes) if "people" in values else 1,
        reached=fields.number("reached", least=0, most=1) if "reached" in values else 0.5,
        questions=_questions(fields, tree),
        width=None
        if values.get("width") is None
        else fields.number("width", least=0, most=1, above_least=True),
    )


def _questions(fields: Fields, tree: Tree) -> tuple[str, ...] | None:
    if fields.values.get("questions", ALL) == ALL:
        return None
    keys = fields.texts("questions", longest=200, most=tree.n_questions)
    if not keys:
        raise fields.error(f'names no questions. Name at least one, or write "{ALL}".')
    for key in keys:
        _check_question(fields, tree, key)
    return keys


def _check_question(fields: Fields, tree: Tree, key: str) -> None:
    try:
        question = tree.question(key)
    except KeyError:
        raise fields.error(
            f'names the question {shown(key)}, which the tree "{tree.key}" does not have. '
            f"Write a key such as {tree.questions[0].key}."
        ) from None
    if not question.is_single:
        raise fields.error(
            f"names the question {shown(key)}, a multiple choice, of which no answer leads. "
            f"Name single choices only."
        )
