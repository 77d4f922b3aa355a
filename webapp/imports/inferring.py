"""Trees out of the answers of a classification export, where nobody has its workflow export.

A version asks what its rows answer: the tasks in their order, the answers that somebody gave, and
what follows each. What nobody answered is not in it. The species that are marked in a survey are
the answers of a multiple choice; drawings and free texts are no answers.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.errors import shown
from webapp.imports.answers import given, texts_of
from webapp.imports.tables import Row, RowRefused, json_cell, rows
from webapp.imports.texts import folded

NEEDS = ("workflow_version", "annotations")
REFUSAL = "refusal"  # the cell of a row that says why its version cannot be a tree
MOST_ANSWERS, LONGEST = 200, 200  # beyond these a task is taken for a free text
END = ""


class _Untold(RowRefused):
    """The rows do not tell what the version asks."""


@dataclass
class _Task:
    """A task as it was answered.

    Attributes:
        labels: the answers by their folded texts; nexts: the tasks that came after each.
    """

    name: str
    text: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    nexts: dict[str, set[str]] = field(default_factory=dict)
    is_multiple: bool = False
    is_left_out: bool = False

    def add(self, value: Any, after: str) -> None:
        """Take an answer and the task that came after it."""
        if value in (None, []):
            self.is_left_out = True
            self.nexts.setdefault(END, set()).add(after)
            return
        texts = texts_of(value)
        if texts is None:
            raise _Untold(
                f"Task {shown(self.name)} is answered with {shown(value)}: drawings and the like "
                f"are no answers to a question, and cannot come in."
            )
        self.is_multiple |= isinstance(value, list)
        for text in texts:
            key = folded(text)
            self.labels.setdefault(key, text)
            self.nexts.setdefault(key, set()).add(after)
        if len(self.labels) > MOST_ANSWERS or max(map(len, texts)) > LONGEST:
            raise _Untold(
                f"Task {shown(self.name)} has answers such as {shown(texts[0])}: free texts are no "
                f"answers to a question, and cannot come in."
            )

    def to_json(self) -> dict[str, Any]:
        """Return the task as a workflow export has it."""
        if not self.labels:
            raise _Untold(f"Nobody answered task {shown(self.name)}, so its answers are not known.")
        answers = [{"label": label} for label in self.labels.values()]
        found: dict[str, Any] = {"question": self.text or self.name, "answers": answers}
        if self.is_multiple or self.is_left_out:
            following = self._only(set().union(*self.nexts.values()), "")
            required = not self.is_left_out
            return found | {"type": "multiple", "required": required, "next": following}
        for answer, (key, label) in zip(answers, self.labels.items(), strict=True):
            answer["next"] = self._only(self.nexts[key], f" after {shown(label)}")
        return found | {"type": "single"}

    def _only(self, following: set[str], where: str) -> str:
        if len(following) > 1:
            one, other = (shown(name) if name else "the end" for name in sorted(following)[:2])
            raise _Untold(
                f"What comes after task {shown(self.name)}{where} is {one} in some rows and "
                f"{other} in others: bring the workflow export, which says on what it depends."
            )
        return next(iter(following))


@dataclass
class _Version:
    """A version of a workflow as its rows show it; `refusal` says why they do not tell its tree."""

    name: str = ""
    tasks: dict[str, _Task] = field(default_factory=dict)
    firsts: set[str] = field(default_factory=set)
    refusal: str = ""

    def add(self, annotations: list[Any]) -> None:
        """Take a row's answers."""
        answered = given(annotations)
        names = list(answered)
        self.firsts |= set(names[:1])
        for one in annotations:
            self._task(str(one["task"])).text = str(one.get("task_label") or "")
        for name, after in zip(names, [*names[1:], END], strict=True):
            self._task(name).add(answered[name], after)

    def _task(self, name: str) -> _Task:
        return self.tasks.setdefault(name, _Task(name))

    def cells(self) -> Row:
        """Return what a workflow export says of it."""
        if len(self.firsts) != 1:
            raise _Untold(
                f"The rows begin with different tasks ({shown(', '.join(sorted(self.firsts)))}): "
                f"bring the workflow export."
            )
        reached = {name: task for name, task in self.tasks.items() if task.nexts}
        tasks = {name: task.to_json() for name, task in reached.items()}
        return {"first_task": next(iter(self.firsts)), "tasks": json.dumps(tasks)}


def read(path: Path, external_workflow: str) -> Iterator[tuple[int, Row]]:
    """Yield the versions that a classification export has answers of, as rows of workflows."""
    found: dict[tuple[str, str], _Version] = {}
    for _, row in rows(path, needs=NEEDS):
        workflow_id = row.get("workflow_id") or external_workflow
        if external_workflow in ("", workflow_id):
            version = found.setdefault((workflow_id, row.get("workflow_version", "")), _Version())
            version.name = row.get("workflow_name", "")
            _add(version, row)
    for number, ((workflow_id, name), version) in enumerate(found.items(), 1):
        yield number, _row(workflow_id, name, version)


def _add(version: _Version, row: Mapping[str, str]) -> None:
    try:
        annotations = json_cell(dict(row), "annotations", list)
        version.add(annotations)
    except _Untold as refusal:
        version.refusal = version.refusal or str(refusal)
    except RowRefused:
        return  # the row is refused with its reason when it is to come in itself


def _row(workflow_id: str, name: str, version: _Version) -> Row:
    number, _, minor = name.partition(".")
    row = {
        "workflow_id": workflow_id, "display_name": version.name, "version": number,
        "minor_version": minor, "strings": "{}", REFUSAL: version.refusal,
    }  # fmt: skip
    if version.refusal:
        return row
    try:
        return row | version.cells()
    except _Untold as refusal:
        return row | {REFUSAL: str(refusal)}
