"""A workflow of Panoptes as a tree; its answers are called as in a tree that is known.

Its versions are different trees. Where an answer's text means one of the reference tree, it bears
that one's key, so that votes given along any version count together; an answer that means none of
them has a key of its own, and stays with the votes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from inference.errors import TreeRefused, shown
from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.imports.tables import RowRefused
from webapp.imports.texts import folded, key_of, shown_text

KINDS = ("single", "multiple")
_YES_NO = ("yes", "no")
_MAX_TEXT, _MAX_LABEL, _MAX_HELP = 500, 200, 4_000
Json = Mapping[str, Any]


def tree_of(
    *, workflow_id: str, name: str, first: str, tasks: Json, strings: Json, like: Tree
) -> Tree:
    """Return the tree that a version of a workflow asks along.

    Args:
        first: the task that it begins with; "" for the first one listed.
        like: the tree whose keys are borrowed.

    Raises:
        RowRefused: it asks for something else than answers to questions, or cannot be published.
    """
    order = _reached(first or next(iter(tasks), ""), tasks)
    found = {task: _matching(task, tasks[task], strings, like) for task in order}
    keys = _unique([one.key if (one := found[t]) else key_of(t, "task") for t in order])
    names = dict(zip(order, keys, strict=True))
    document = {
        "format": 1,
        "key": f"zooniverse-{key_of(workflow_id, 'workflow')}",
        "title": (shown_text(name) or f"Workflow {workflow_id}")[:_MAX_LABEL],
        "campaign": "",
        "questions": [_question(t, tasks[t], strings, names, found[t]) for t in order],
    }
    try:
        return Tree.parse(document)
    except TreeRefused as error:
        raise RowRefused(str(error)) from None


def _reached(first: str, tasks: Json) -> list[str]:
    """Return the tasks that somebody may come to, the first one first.

    Raises:
        RowRefused: one of them is no question.
    """
    order, waiting = [], [first]
    while waiting:
        name = waiting.pop(0)
        if name in order:
            continue
        task = tasks.get(name)
        if not isinstance(task, Mapping):
            raise RowRefused(f"The workflow leads to the task {shown(name)}, which it has not.")
        if task.get("type") not in KINDS:
            raise RowRefused(
                f"Task {shown(name)} is of the type {shown(task.get('type'))}, and only questions "
                f"of the types single and multiple can come in."
            )
        order.append(name)
        waiting += [after for after in _nexts(task) if after]
    return order


def _nexts(task: Json) -> list[str | None]:
    """Return what follows each answer; of a multiple-choice task one for all."""
    if task["type"] == "multiple":
        return [task.get("next")]
    return [answer.get("next") or task.get("next") for answer in task.get("answers", [])]


def _text(strings: Json, name: Any) -> str:
    return shown_text(str(strings.get(str(name), name) or ""))


def _labels(task: Json, strings: Json) -> list[str]:
    return [_text(strings, answer.get("label")) for answer in task.get("answers", [])]


def _matching(task: str, values: Json, strings: Json, like: Tree) -> Question | None:
    """Return the question of the known tree that a task asks, by its text or by its answers."""
    text, labels = folded(_text(strings, values.get("question"))), _labels(values, strings)
    for question in like.questions:
        n_known = sum(_answer_of(label, question) is not None for label in labels)
        is_same = text in {folded(name) for name in (question.text, *question.aliases)}
        if 2 * n_known >= len(labels) and (is_same or task in question.aliases):
            return question
    return None


def _answer_of(label: str, question: Question) -> Answer | None:
    """Return the answer that a text means: by what it says, or by a yes or no at its ends."""
    words = label.split(" ")
    text, ends = folded(label), (folded(words[0]), folded(words[-1]))
    for answer in question.answers:
        if text in {folded(name) for name in (answer.key, answer.label, *answer.aliases)}:
            return answer
    for answer in question.answers:
        if answer.key in _YES_NO and answer.key in ends:
            return answer
    return None


def _question(
    task: str, values: Json, strings: Json, names: Mapping[str, str], known: Question | None
) -> dict[str, Any]:
    answers = _answers(values, strings, names, known)
    text = _text(strings, values.get("question")) or task
    question: dict[str, Any] = {
        "key": names[task],
        "text": text[:_MAX_TEXT],
        "kind": values["type"],
        "help": _text(strings, values.get("help"))[:_MAX_HELP],
        "aliases": [task] if task != names[task] else [],
        "answers": answers,
    }
    if values["type"] == "multiple":
        after = values.get("next")
        question |= {"required": bool(values.get("required")), "next": names.get(after or "")}
    return question


def _answers(
    values: Json, strings: Json, names: Mapping[str, str], known: Question | None
) -> list[dict[str, Any]]:
    labels = _labels(values, strings)
    meant = [_answer_of(label, known) if known else None for label in labels]
    # Of two answers that mean the same one, the first does, and the other keeps its own name.
    taken = [one if one not in meant[:place] else None for place, one in enumerate(meant)]
    reserved = {one.key for one in taken if one}
    keys = _unique(
        [
            one.key if one else key_of(label, "answer")
            for one, label in zip(taken, labels, strict=True)
        ],
        reserved,
        taken,
    )
    answers = []
    for key, label, one, after in zip(keys, labels, taken, _spread(values), strict=True):
        answer: dict[str, Any] = {
            "key": key,
            "label": (label or key)[:_MAX_LABEL],
            "help": "",
            "icon": one.icon if one else "",
            "aliases": [],
            "artifact": one.is_artifact if one else "artifact" in folded(label),
        }
        answers.append(
            answer if values["type"] == "multiple" else answer | {"next": names.get(after or "")}
        )
    return answers


def _spread(values: Json) -> list[str | None]:
    nexts = _nexts(values)
    return nexts if values["type"] == "single" else nexts * len(values.get("answers", []))


def _unique(
    keys: Sequence[str], reserved: set[str] | None = None, fixed: Sequence[object] | None = None
) -> list[str]:
    """Return keys of which no two are equal: a later one gets a number."""
    taken, made = set(reserved or ()), []
    for place, key in enumerate(keys):
        name, number = key, 2
        while name in taken and not (fixed and fixed[place]):
            name, number = f"{key}-{number}", number + 1
        taken.add(name)
        made.append(name)
    return made
