"""Classifications and trees as the exports of Panoptes (Zooniverse) have them.

Only classifications that count are there, so that what others reduce from them are our tallies. A
tree's version is its number among the trees that the campaign has had: 1.0, 2.0.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from inference.formats.question import Question
from inference.formats.tree import Tree
from webapp.exports.pseudonyms import person_of, pseudonym
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import TreeVersion, Workflow

CHUNK = 5_000
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
_FROM = """
    FROM classifications_classification given
    JOIN classifications_standing standing ON standing.classification_id = given.id
    WHERE given.workflow_id = %s AND standing.state = 'counted'
"""
_ROWS = f"""
    SELECT given.id, volunteer.user_id, volunteer.uuid, given.tree_id, given.path,
           to_char(given.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS" UTC"'),
           given.shown_at, given.received_at, given.stream, subject.id, subject.survey_id,
           subject.ra_deg, subject.dec_deg, subject.metadata::text,
           known.retired_at, known.retired_reason, known.n_classifications
    FROM (SELECT given.* {_FROM} AND given.id > %s ORDER BY given.id LIMIT %s) given
    JOIN accounts_volunteer volunteer ON volunteer.id = given.volunteer_id
    JOIN subjects_subject subject ON subject.id = given.subject_id
    JOIN consensus_consensus known
      ON known.subject_id = given.subject_id AND known.workflow_id = given.workflow_id
    ORDER BY given.id
"""  # noqa: S608 - no value of anybody's is in it
Lines = list[list[Any]]


def count_at(moment: Cursor, workflow: Workflow) -> int:
    """Return how many classifications count."""
    moment.execute(f"SELECT count(*) {_FROM}", [workflow.pk])
    return int((moment.fetchone() or (0,))[0])


def classifications_at(moment: Cursor, workflow: Workflow) -> Iterator[Lines]:
    """Yield the rows of a classification export."""
    versions = _versions(moment, workflow)
    after = 0
    while True:
        moment.execute(_ROWS, [workflow.pk, after, CHUNK])
        found = moment.fetchall()
        if not found:
            return
        yield [_classification(workflow, versions, row) for row in found]
        after = found[-1][0]


def _classification(workflow: Workflow, versions: dict[int, str], row: Sequence[Any]) -> list[Any]:
    number, user_id, browser, tree_id, path, created_at, shown_at, received_at, stream = row[:9]
    who = pseudonym(person_of(user_id, browser), workflow.pk)
    metadata = {
        # Our clock may have been put back in between; nothing ends before it has begun.
        "started_at": min(shown_at, received_at).isoformat(),
        "finished_at": received_at.isoformat(),
        "source": "tuning-fork",
        "live_project": True,
        "subject_selection_state": {"selection_state": stream},
    }
    return [
        number, who if user_id else f"not-logged-in-{who[1:]}", "", "", workflow.pk, workflow.name,
        versions[tree_id], created_at, "", "", _json(metadata), _annotations(tree_id, tuple(path)),
        _subject_data(workflow, row[9:]), row[9],
    ]  # fmt: skip


def _subject_data(workflow: Workflow, row: Sequence[Any]) -> str:
    pk, survey_id, ra_deg, dec_deg, metadata, retired_at, reason, n_classifications = row
    retired = retired_at and {
        "workflow_id": workflow.pk,
        "classifications_count": n_classifications,
        "retired_at": retired_at.isoformat(),
        "subject_id": pk,
        "retirement_reason": reason,
    }
    plain = {key: value for key, value in json.loads(metadata).items() if not key.startswith("#")}
    return _json(
        {pk: {"retired": retired, "survey_id": survey_id, "ra": ra_deg, "dec": dec_deg, **plain}}
    )


@lru_cache(maxsize=100_000)
def _annotations(tree_id: int, path: tuple[int, ...]) -> str:
    """Return a walk as Panoptes writes it: the answers' own words, by task."""
    tree = TreeVersion.objects.known(tree_id).tree
    found = []
    for place in tree.asked(path):
        question = tree.questions[place]
        chosen = [answer.label for answer in question.answers if answer.index in path]
        value: Any = chosen[0] if question.is_single else chosen
        found.append({"task": task_of(question), "task_label": question.text, "value": value})
    return _json(found)


def task_of(question: Question) -> str:
    """Return what Panoptes calls a question."""
    return f"T{question.index}"


def _versions(moment: Cursor, workflow: Workflow) -> dict[int, str]:
    """Return the version of every tree that somebody answered, and of the present one."""
    moment.execute(
        "SELECT DISTINCT tree_id FROM classifications_classification WHERE workflow_id = %s",
        [workflow.pk],
    )
    ids = sorted({row[0] for row in moment.fetchall()} | {workflow.tree_id})
    return {pk: f"{number}.0" for number, pk in enumerate(ids, 1)}


def n_versions(moment: Cursor, workflow: Workflow) -> int:
    """Return how many rows the workflow export has."""
    return len(_versions(moment, workflow))


def workflows_at(moment: Cursor, workflow: Workflow) -> Iterator[Lines]:
    """Yield the rows of a workflow export: one for each tree that somebody answered."""
    versions, n_counted = _versions(moment, workflow), count_at(moment, workflow)
    most = workflow.parsed_rule.votes
    retirement = {"criteria": "classification_count", "options": {"count": most}}
    rows = []
    for tree_id, version in versions.items():
        tree = TreeVersion.objects.known(tree_id).tree
        tasks, strings = _tasks(tree)
        rows.append([
            workflow.pk, workflow.name, version.partition(".")[0], _bool(workflow.is_open),
            n_counted, "false", "false", "false", "en", task_of(tree.questions[0]), "", "",
            _json(tasks), _json(retirement), _json(strings), version.partition(".")[2],
        ])  # fmt: skip
    yield rows


def _tasks(tree: Tree) -> tuple[dict[str, Any], dict[str, str]]:
    tasks: dict[str, Any] = {}
    strings: dict[str, str] = {}
    for question in tree.questions:
        task = task_of(question)
        strings |= {f"{task}.question": question.text, f"{task}.help": question.help}
        answers = []
        for place, answer in enumerate(question.answers):
            label = f"{task}.answers.{place}.label"
            strings[label] = answer.label
            answers.append({"label": label} | (_next(tree, answer) if question.is_single else {}))
        tasks[task] = {
            "help": f"{task}.help",
            "type": "single" if question.is_single else "multiple",
            "answers": answers,
            "question": f"{task}.question",
            "required": question.required,
        } | ({} if question.is_single else _next(tree, question))
    return tasks, strings


def _next(tree: Tree, one: Any) -> dict[str, str]:
    return {} if one.next is None else {"next": task_of(tree.questions[one.next])}


def _bool(value: object) -> str:
    return "true" if value else "false"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
