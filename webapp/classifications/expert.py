"""What experts say of a galaxy, along a tree's answer axis; no database here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from inference.belief.dirichlet import parents_first
from inference.errors import PathRefused, shown
from inference.formats.question import Question
from inference.formats.tree import Tree
from webapp.common.errors import DomainError

Fractions = list[float | None]  # (K,), 0 to 1; None where no expert was asked

SUM_TOLERANCE = 0.015  # thirds are written 0.33
MAX_WORDS = 500
NONE = "none of these"


class GoldUnusable(DomainError):
    """What was given as experts' answers is none; one sentence says why and what to do."""


def of_path(tree: Tree, path: Sequence[int]) -> Fractions:
    """Return one walk as fractions: 1 and 0 in the questions asked.

    Raises:
        GoldUnusable: it is no complete walk.
    """
    try:
        asked = tree.asked(path)
    except PathRefused as error:
        raise GoldUnusable(str(error)) from None
    found: Fractions = [None] * tree.n_answers
    for question in asked:
        for index in tree.questions[question].span:
            found[index] = float(index in path)
    return found


def of_names(tree: Tree, text: str) -> Fractions:
    """Return the walk that names such as "shape.spiral;arms.two" make, in whatever order.

    Raises:
        GoldUnusable: a name is unknown, a question has no answer, or an answer is off the walk.
    """
    names = [name for part in text.split(";") if (name := part.strip())]
    chosen = {_index(tree, name): name for name in names}
    walk = tree.walk([])
    try:
        while (question := walk.open) is not None:
            walk = tree.step(walk, [index for index in question.span if index in chosen])
    except PathRefused as error:
        raise GoldUnusable(str(error)) from None
    if stray := [name for index, name in chosen.items() if index not in walk.path]:
        raise GoldUnusable(
            gettext(
                "%(stray)s is not on the way of the other answers. Leave it out, or correct the "
                "answer before it."
            )
            % {"stray": shown(stray[0])}
        )
    return of_path(tree, walk.path)


def _index(tree: Tree, name: str) -> int:
    try:
        return tree.answer(name).index
    except KeyError:
        raise GoldUnusable(
            gettext("The tree has no answer %(name)s. Write question.answer, such as %(answers)s.")
            % {"name": shown(name), "answers": tree.name(tree.answers[0])}
        ) from None


def of_shares(tree: Tree, given: Mapping[int, float]) -> Fractions:
    """Return shares of experts by answer as fractions: those of each question sum to 1.

    Args:
        given: by place on the axis. Left out counts as 0 beside other answers of its question, and
            a question without any as not asked.

    Raises:
        GoldUnusable: a share is none, they do not sum to 1, or nobody comes to their question.
    """
    found: Fractions = [None] * tree.n_answers
    reached = {tree.questions[0].index}
    for question in parents_first(tree):
        values = [given.get(index, 0.0) for index in question.span]
        for index, value in zip(question.span, values, strict=True):
            _check_share(tree, index, value)
        if not _is_asked(question, given, values, reached):
            continue
        total = _total(question, values) if question.is_single else 1.0
        for answer, value in zip(question.answers, values, strict=True):
            found[answer.index] = value / total
            if answer.next is not None and value > 0:
                reached.add(answer.next)
        if question.next is not None:
            reached.add(question.next)
    return found


def read_share(tree: Tree, index: int, text: str) -> float:
    """Return a share as somebody wrote it; what it may be, `of_shares` says.

    Raises:
        GoldUnusable: it is no number.
    """
    try:
        return float(text)
    except ValueError:
        raise GoldUnusable(
            gettext("%(text)s is no share of experts for %(index)s. Write 0 to 1, such as 0.25.")
            % {"text": shown(text), "index": tree.name(tree.answers[index])}
        ) from None


def _check_share(tree: Tree, index: int, value: float) -> None:
    if not math.isfinite(value) or not 0 <= value <= 1:
        raise GoldUnusable(
            gettext("%(value)s is no share of experts for %(index)s. Write 0 to 1, such as 0.25.")
            % {"value": f"{value:g}", "index": tree.name(tree.answers[index])}
        )


def _is_asked(
    question: Question, given: Mapping[int, float], values: Sequence[float], reached: set[int]
) -> bool:
    """Say whether experts answered a question; zeros alone say so of a multiple choice only."""
    if question.index not in reached:
        if any(values):
            raise GoldUnusable(
                gettext(
                    "“%(key)s” has shares, and no share leads to it. Leave them empty, or give "
                    "the answer before it a share."
                )
                % {"key": question.key}
            )
        return False
    if question.index == 0 and not any(index in given for index in question.span):
        raise GoldUnusable(
            gettext(
                "The first question, “%(key)s”, has no shares. Give them: every expert is asked it."
            )
            % {"key": question.key}
        )
    if question.is_single:
        return any(values) or question.index == 0
    return any(index in given for index in question.span)


def _total(question: Question, values: Sequence[float]) -> float:
    total = math.fsum(values)
    if abs(total - 1) > SUM_TOLERANCE:
        raise GoldUnusable(
            gettext(
                "The shares of “%(key)s” sum to %(total)s. Make them sum to 1, or leave all of "
                "them empty if no expert was asked it."
            )
            % {"key": question.key, "total": f"{total:.4g}"}
        )
    return total


def check_words(words: str) -> str:
    """Return what volunteers are told, without the blanks around it.

    Raises:
        GoldUnusable: it is too long.
    """
    text = words.strip()
    if len(text) > MAX_WORDS:
        raise GoldUnusable(
            gettext(
                "The words have %(count)s characters, and at most %(max_words)s are accepted: "
                "shorten them."
            )
            % {"count": f"{len(text):,}", "max_words": MAX_WORDS}
        )
    return text


@dataclass(frozen=True)
class Said:
    """What experts say to a question, in words; the answer that most of them give comes first."""

    question: Question
    words: str
    leading: int  # place on the axis


def said(tree: Tree, fractions: Sequence[float | None]) -> list[Said]:
    """Return what experts say to each question that they were asked, in the order asked."""
    return [
        Said(question, words_of(question, fractions), leading_of(question, fractions))
        for question in parents_first(tree)
        if is_known(question, fractions)
    ]


def is_known(question: Question, fractions: Sequence[float | None]) -> bool:
    """Say whether experts were asked a question."""
    return any(known(fractions[index]) for index in question.span)


def known(value: float | None) -> bool:
    """Say whether a fraction is there; arrays have NaN where lists have None."""
    return value is not None and not math.isnan(value)


def leading_of(question: Question, fractions: Sequence[float | None]) -> int:
    """Return the answer that most experts give; of equals the first."""
    return max(question.span, key=lambda index: fractions[index] or 0.0)


def words_of(question: Question, fractions: Sequence[float | None]) -> str:
    """Return the answers that experts give, the most frequent first, with shares where needed."""
    shares = [(fractions[answer.index] or 0.0, answer.label) for answer in question.answers]
    given = sorted((pair for pair in shares if pair[0] > 0), key=lambda pair: -pair[0])
    if not given:
        return NONE
    if all(share == 1 for share, _ in given):
        return ", ".join(label for _, label in given)
    return ", ".join(f"{label} {100 * share:.0f} %" for share, label in given)


def named(tree: Tree, fractions: Sequence[float | None]) -> dict[str, float]:
    """Return the fractions above 0 by name, for the log; a single walk has but ones."""
    return {
        tree.name(answer): round(value, 4)
        for answer in tree.answers
        if known(value := fractions[answer.index]) and value
    }
