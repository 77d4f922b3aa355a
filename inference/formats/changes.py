"""What changed from one tree to another: the axis by key, the structure, and in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inference.formats.question import Answer, Question

if TYPE_CHECKING:
    from inference.formats.tree import Tree


def axis_from(older: "Tree", newer: "Tree") -> tuple[int | None, ...]:
    """Return for each answer of the older tree its index in the newer one, None if it is gone."""
    index_of = {newer.name(answer): answer.index for answer in newer.answers}
    return tuple(index_of.get(older.name(answer)) for answer in older.answers)


def same_structure(older: "Tree", newer: "Tree") -> bool:
    """Say whether only texts, helps, icons and aliases differ, so that every path still means it.

    The keys, the order, the kinds and what follows are the structure; an answer that begins or
    ceases to say "artifact" is a change of it too, as retirement counts those votes.
    """
    return _structure(older) == _structure(newer)


def differences(older: "Tree", newer: "Tree") -> list[str]:
    """Return each difference as a sentence, in the order of the newer tree; empty if none."""
    return [
        *_about_tree(older, newer),
        *(f'Question "{q.key}" is gone.' for q in _only_in(older, newer)),
        *_about_questions(older, newer),
        *_about_order(older, newer),
    ]


def _structure(tree: "Tree") -> list[tuple[object, ...]]:
    return [
        (
            question.key,
            question.kind,
            question.required,
            [(answer.key, answer.next, answer.is_artifact) for answer in question.answers],
        )
        for question in tree.questions
    ]


def _about_tree(older: "Tree", newer: "Tree") -> Iterator[str]:
    for name in ("key", "title", "campaign"):
        before, after = getattr(older, name), getattr(newer, name)
        if before != after:
            yield f'The {name} "{before}" is now "{after}".'


def _only_in(here: "Tree", there: "Tree") -> list[Question]:
    keys = {question.key for question in there.questions}
    return [question for question in here.questions if question.key not in keys]


def _about_questions(older: "Tree", newer: "Tree") -> Iterator[str]:
    before = {question.key: question for question in older.questions}
    for question in newer.questions:
        if question.key not in before:
            yield f'Question "{question.key}" is new.'
            continue
        yield from _about_question(before[question.key], question, older, newer)


def _about_question(was: Question, now: Question, older: "Tree", newer: "Tree") -> Iterator[str]:
    where = f'Question "{now.key}"'
    if was.kind != now.kind:
        yield f"{where} is now {now.kind} choice; it was {was.kind}."
    elif was.required != now.required:
        yield f"{where} {'now needs' if now.required else 'no longer needs'} an answer."
    if was.kind == now.kind and not now.is_single:
        yield from _about_next(where, was.next, now.next, older, newer)
    yield from _about_texts(where, was, now, ("text", "help", "aliases"))
    yield from _about_answers(where, was, now, older, newer)


def _about_answers(
    where: str, was: Question, now: Question, older: "Tree", newer: "Tree"
) -> Iterator[str]:
    before = {answer.key: answer for answer in was.answers}
    after = {answer.key for answer in now.answers}
    yield from (f'{where}: answer "{key}" is gone.' for key in before if key not in after)
    for answer in now.answers:
        here = f'{where}, answer "{answer.key}"'
        if answer.key not in before:
            yield f'{where}: answer "{answer.key}" is new.'
            continue
        old = before[answer.key]
        yield from _about_texts(here, old, answer, ("label", "help", "icon", "aliases"))
        if old.is_artifact != answer.is_artifact:
            yield f"{here}, {'now says' if answer.is_artifact else 'no longer says'} bad image."
        if was.is_single and now.is_single:
            yield from _about_next(here, old.next, answer.next, older, newer)


def _about_texts(
    where: str, was: Question | Answer, now: Question | Answer, names: tuple[str, ...]
) -> Iterator[str]:
    for name in names:
        if getattr(was, name) != getattr(now, name):
            yield f"{where}: changed {name}."


def _about_next(
    where: str, was: int | None, now: int | None, older: "Tree", newer: "Tree"
) -> Iterator[str]:
    before, after = _destination(was, older), _destination(now, newer)
    if before != after:
        yield f"{where}, now leads to {after}; it led to {before}."


def _destination(index: int | None, tree: "Tree") -> str:
    return "the end" if index is None else f'"{tree.questions[index].key}"'


def _about_order(older: "Tree", newer: "Tree") -> Iterator[str]:
    """Tell of an order that changed among what both trees have; the axis moves with it."""
    kept = [index for index in axis_from(older, newer) if index is not None]
    if kept != sorted(kept):
        yield "The answers are listed in another order, so they have other numbers."
