"""Annotations of Panoptes as a path through the tree that they were given along."""

from collections.abc import Iterator, Mapping
from typing import Any

from inference.errors import PathRefused, shown
from inference.formats.question import Question
from inference.formats.tree import Tree
from webapp.imports.tables import RowRefused
from webapp.imports.texts import folded


def path_of(tree: Tree, annotations: list[Any]) -> list[int]:
    """Return the indices of the answers, in the order of the questions asked.

    Raises:
        RowRefused: an answer is missing, unknown, off the path, or no answer to a question.
    """
    given = _given(tree, annotations)
    path: list[int] = []
    question: Question | None = tree.questions[0]
    while question is not None:
        chosen = given.pop(question.index, None)
        if chosen is None and (question.is_single or question.required):
            raise RowRefused(f"{_name(question)} has no answer.")
        path += chosen or []
        after = tree.answers[chosen[0]].next if question.is_single and chosen else question.next
        question = None if after is None else tree.questions[after]
    if given:
        raise RowRefused(
            f"{_name(tree.questions[min(given)])} has an answer, and nobody comes to it on this "
            f"path."
        )
    try:
        tree.check_path(path)
    except PathRefused as error:
        raise RowRefused(str(error)) from None
    return path


def _name(question: Question) -> str:
    task = question.aliases[0] if question.aliases else question.key
    return f"Task {task} ({question.key})"


def _given(tree: Tree, annotations: list[Any]) -> dict[int, list[int]]:
    """Return the answers to each question that has some; an empty choice is not among them."""
    tasks = {name: q for q in tree.questions for name in (q.key, *q.aliases)}
    found: dict[int, list[int]] = {}
    for task, value in given(annotations).items():
        question = tasks.get(task)
        if question is None:
            raise RowRefused(f"The tree of this version has no task {shown(task)}.")
        if value not in (None, []):
            found[question.index] = _indices(question, value)
    return found


def given(annotations: list[Any]) -> dict[str, Any]:
    """Return what was answered to each task, in their order; whoever went back answered anew.

    What was marked in a survey adds up: each mark may be an annotation of its own.

    Raises:
        RowRefused: an annotation is none.
    """
    found: dict[str, Any] = {}
    for task, value in _flat(annotations):
        before = found.get(task)
        if value in (None, []):
            found.setdefault(task, value)
        elif before and _is_survey(before) and _is_survey(value):
            found[task] = [*before, *value]
        else:
            found[task] = value
    return found


def texts_of(value: Any) -> list[str] | None:
    """Return the answers that a value names, those of a survey too; None if it is none."""
    if _is_survey(value):
        return [one["choice"] for one in value]
    texts = value if isinstance(value, list) else [value]
    return texts if all(isinstance(text, str) for text in texts) else None


def _is_survey(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("choice"), str) for one in value
    )


def _flat(annotations: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield task and value, those inside a combination of tasks too."""
    for one in annotations:
        if not isinstance(one, Mapping) or "task" not in one:
            raise RowRefused(f"An annotation names no task: {shown(one)}.")
        value = one.get("value")
        if isinstance(value, list) and value and all(_is_nested(inner) for inner in value):
            yield from _flat(value)
        else:
            yield str(one["task"]), value


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and "task" in value and "value" in value


def _indices(question: Question, value: Any) -> list[int]:
    texts = texts_of(value)
    if texts is None:
        raise RowRefused(f"{_name(question)} is answered with {shown(value)}, which is no text.")
    if question.is_single and len(texts) != 1:
        raise RowRefused(f"{_name(question)} has {len(texts)} answers, and takes one.")
    return sorted({_index(question, text) for text in texts})


def _index(question: Question, text: str) -> int:
    plain = folded(text)
    for answer in question.answers:
        if plain == folded(answer.label):
            return answer.index
    raise RowRefused(f"{_name(question)} has no answer {shown(text)} in this version.")
