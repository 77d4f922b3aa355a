"""A comparison's figures as the rows of its table; no database here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.formats.tree import Tree
from webapp.registry.figures import Figure


@dataclass(frozen=True)
class Row:
    """One figure of a model and of the one in use, and the difference with its 95 % interval."""

    text: str
    n_subjects: int
    own: Figure | None
    other: Figure | None
    difference: Figure | None

    @property
    def is_better(self) -> bool:
        """True if all of the interval is below 0."""
        return self.difference is not None and (self.difference.upper or 0) < 0

    @property
    def is_worse(self) -> bool:
        """True if all of the interval is above 0."""
        return self.difference is not None and (self.difference.lower or 0) > 0


@dataclass(frozen=True)
class Question:
    """What is compared of one question."""

    text: str
    nll: Row
    calibration: Row
    rmse: Row


def whole(figures: Mapping[str, Any]) -> Row:
    """Return the log-loss over all questions, nats a galaxy."""
    own, other = figures["challenger"], figures.get("champion")
    return Row(
        "", own["n"], figure(own["nll"]), figure(other["nll"]) if other else None,
        figure(figures.get("nll")),
    )  # fmt: skip


def rows(figures: Mapping[str, Any], tree: Tree) -> list[Question]:
    """Return the questions in the tree's order, those that somebody was asked."""
    found = []
    for question in tree.questions:
        own = figures["challenger"]["questions"][question.key]
        other = (figures.get("champion") or {}).get("questions", {}).get(question.key)
        between = figures.get("questions", {}).get(question.key, {})
        if own["n"]:
            found.append(
                Question(
                    question.text,
                    *(
                        _row(question.text, own, other, between, name)
                        for name in ("nll", "calibration_error", "rmse")
                    ),
                )
            )
    return found


def _row(
    text: str,
    own: Mapping[str, Any],
    other: Mapping[str, Any] | None,
    between: Mapping[str, Any],
    name: str,
) -> Row:
    return Row(
        text,
        own["n"],
        figure(own[name]),
        figure(other[name]) if other else None,
        figure(between.get(name)),
    )


def figure(found: Any) -> Figure | None:
    """Return a stored estimate or number; None where there was nothing to judge."""
    if isinstance(found, Mapping):
        if found.get("value") is None:
            return None
        return Figure(found["value"], found["lower"], found["upper"])
    return None if found is None else Figure(found, None, None)
