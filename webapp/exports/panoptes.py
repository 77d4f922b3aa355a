"""Classifications and workflows in the form of a Panoptes export, for the tools that read those.

Only what counts is written, so that whoever reduces it finds the site's own tallies. Each tree that
was answered is a version of the workflow, in the order in which they were published.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from inference.formats.question import Question
from inference.formats.tree import Tree
from webapp.exports.pseudonyms import person_of, pseudonym
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import TreeVersion, Workflow

CHUNK = 10_000  # classifications held at once
CLASSIFICATIONS = (
    "classification_id", "user_name", "user_id", "user_ip", "workflow_id", "workflow_name",
    "workflow_version", "created_at", "gold_standard", "expert", "metadata", "annotations",
    "subject_data", "subject_ids",
)  # fmt: skip
WORKFLOWS = (
    "workflow_id", "display_name", "version", "active", "classifications_count", "pairwise",
    "grouped", "prioritized", "primary_language", "first_task", "tutorial_subject_id",
    "retired_set_member_subjects_count", "tasks", "retirement", "strings", "minor_version",
)  # fmt: skip
MINOR = "1"
Row = tuple[Any, ...]
_ROWS = """
    SELECT given.id, volunteer.user_id, volunteer.uuid, given.subject_id, given.tree_id, given.path,
           given.received_at, given.client_started_at, given.client_finished_at,
           subject.survey_id, subject.ra_deg, subject.dec_deg, subject.metadata::text,
           known.retired_at, known.retired_reason, known.n_classifications
    FROM classifications_classification given
    JOIN classifications_standing standing
      ON standing.classification_id = given.id AND standing.state = 'counted'
    JOIN accounts_volunteer volunteer ON volunteer.id = given.volunteer_id
    JOIN subjects_subject subject ON subject.id = given.subject_id
    JOIN consensus_consensus known
      ON (known.workflow_id, known.subject_id) = (given.workflow_id, given.subject_id)
    WHERE given.workflow_id = %s AND given.id > %s
    ORDER BY given.id LIMIT %s
"""


def classifications(moment: Cursor, workflow: Workflow) -> Iterator[Row]:
    """Yield a row for each classification that counts, along CLASSIFICATIONS."""
    versions, after = _versions(moment, workflow), 0
    while True:
        moment.execute(_ROWS, [workflow.pk, after, CHUNK])
        found = moment.fetchall()
        if not found:
            return
        for row in found:
            yield _classification(workflow, versions, row)
        after = found[-1][0]


def workflows(moment: Cursor, workflow: Workflow) -> Iterator[Row]:
    """Yield a row for each version of the workflow, along WORKFLOWS."""
    moment.execute(
        "SELECT coalesce(sum(n_classifications), 0), count(retired_at) FROM consensus_consensus "
        "WHERE workflow_id = %s",
        [workflow.pk],
    )
    n_given, n_retired = moment.fetchone() or (0, 0)
    retirement = {"criteria": "classification_count", "options": {"count": _votes(workflow)}}
    for tree_id, version in _versions(moment, workflow).items():
        tree = TreeVersion.objects.known(tree_id).tree
        yield (
            workflow.pk, workflow.name, version, _flag(is_on=workflow.is_open), n_given, "false",
            "false", "false", "en", "T0", "", n_retired, _json(_tasks(tree)), _json(retirement),
            _json(_strings(tree)), MINOR,
        )  # fmt: skip


def _votes(workflow: Workflow) -> int:
    return int(workflow.rule.get("votes") or 0)


def _versions(moment: Cursor, workflow: Workflow) -> dict[int, str]:
    """Return the major version that each tree of the campaign is."""
    moment.execute(
        "SELECT DISTINCT tree_id FROM classifications_classification WHERE workflow_id = %s",
        [workflow.pk],
    )
    trees = {tree_id for (tree_id,) in moment.fetchall()} | {workflow.tree_id}
    return {tree_id: str(number) for number, tree_id in enumerate(sorted(trees), 1)}


def _classification(workflow: Workflow, versions: Mapping[int, str], row: Row) -> Row:
    (pk, user_id, browser, subject_id, tree_id, path, received_at, started_at, finished_at,
     survey_id, ra, dec, told, retired_at, reason, n_given) = row  # fmt: skip
    name, number = _person(pseudonym(person_of(user_id, browser), workflow.pk), user_id)
    version = f"{versions[tree_id]}.{MINOR}"
    metadata = {
        "source": "api",
        "started_at": _iso(started_at),
        "finished_at": _iso(finished_at),
        "user_language": "en",
        "live_project": True,
        "workflow_version": version,
    }
    retired = _retired(subject_id, workflow, retired_at, reason, n_given) if retired_at else None
    subject: dict[str, Any] = {"retired": retired, "survey_id": survey_id, "ra": ra, "dec": dec}
    subject = json.loads(told) | {key: one for key, one in subject.items() if _is_said(key, one)}
    return (
        pk, name, number, "", workflow.pk, workflow.name, version,
        received_at.strftime("%Y-%m-%d %H:%M:%S UTC"), "", "", _json(metadata),
        _annotations(tree_id, tuple(path)), _json({str(subject_id): subject}), subject_id,
    )  # fmt: skip


def _is_said(key: str, value: Any) -> bool:
    return value is not None or key == "retired"


def _person(name: str, user_id: int | None) -> tuple[str, str]:
    """Return the name and the number of a person, as Panoptes writes who is not signed in."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    if user_id is None:
        return f"not-logged-in-{digits[:20]}", ""
    return name, str(int(digits[:12], 16))


def _retired(
    subject_id: int, workflow: Workflow, at: datetime, reason: str, n_given: int
) -> dict[str, Any]:
    return {
        "id": subject_id,
        "workflow_id": workflow.pk,
        "classifications_count": n_given,
        "retired_at": _iso(at),
        "subject_id": subject_id,
        "retirement_reason": "classification_count" if reason == "count" else reason,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


@lru_cache(maxsize=100_000)
def _annotations(tree_id: int, path: tuple[int, ...]) -> str:
    """Return the answers of a walk: one text, or a list where several may be chosen."""
    tree = TreeVersion.objects.known(tree_id).tree
    said: list[dict[str, Any]] = []
    for place in tree.asked(path):
        question = tree.questions[place]
        chosen = [label_of(tree, index) for index in path if index in question.span]
        value = chosen[0] if question.is_single else chosen
        said.append({"task": task_of(question), "task_label": question.text, "value": value})
    return _json(said)


def task_of(question: Question) -> str:
    """Return the task that a question is there, such as T0."""
    return f"T{question.index}"


def label_of(tree: Tree, index: int) -> str:
    """Return an answer's text, with its key where two answers of a question say the same."""
    answer = tree.answers[index]
    others = tree.questions[answer.question].answers
    is_alone = sum(_slug(one.label) == _slug(answer.label) for one in others) == 1
    return answer.label if is_alone else f"{answer.label} ({answer.key})"


def _slug(label: str) -> str:
    return "".join(character for character in label.lower() if character.isalnum())


def _tasks(tree: Tree) -> dict[str, Any]:
    return {task_of(question): _task(tree, question) for question in tree.questions}


def _task(tree: Tree, question: Question) -> dict[str, Any]:
    name = task_of(question)
    task: dict[str, Any] = {
        "help": f"{name}.help",
        "type": question.kind,
        "answers": [
            {"label": f"{name}.answers.{place}.label"}
            | (_after(tree, answer.next) if question.is_single else {})
            for place, answer in enumerate(question.answers)
        ],
        "question": f"{name}.question",
        "required": question.required,
    }
    return task if question.is_single else task | _after(tree, question.next)


def _after(tree: Tree, after: int | None) -> dict[str, str]:
    return {} if after is None else {"next": task_of(tree.questions[after])}


def _strings(tree: Tree) -> dict[str, str]:
    found: dict[str, str] = {}
    for question in tree.questions:
        name = task_of(question)
        found[f"{name}.question"], found[f"{name}.help"] = question.text, question.help
        for place, answer in enumerate(question.answers):
            found[f"{name}.answers.{place}.label"] = label_of(tree, answer.index)
    return found


def _flag(*, is_on: bool) -> str:
    return "true" if is_on else "false"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
