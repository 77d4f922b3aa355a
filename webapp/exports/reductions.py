"""Tallies as panoptes_aggregation's question reducer writes them: a row a galaxy and task."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from inference.formats.tree import Tree
from webapp.exports.panoptes import task_of
from webapp.exports.snapshot import Cursor, evidence_at
from webapp.workflows.models import Workflow

REDUCER = "question_reducer"
Lines = list[list[Any]]


def header(workflow: Workflow) -> Sequence[str]:
    """Return the columns: what was reduced, then every answer of every task, once each."""
    names = sorted({f"data.{slug(answer.label)}" for answer in workflow.tree.tree.answers})
    return ["subject_id", "workflow_id", "task", "reducer", *names]


def count_at(moment: Cursor, workflow: Workflow) -> int:
    """Return how many rows there are: tasks that somebody was asked."""
    moment.execute(
        "SELECT coalesce(sum((SELECT count(*) FROM unnest(asked) n WHERE n > 0)), 0) "
        "FROM consensus_consensus WHERE workflow_id = %s",
        [workflow.pk],
    )
    return int((moment.fetchone() or (0,))[0])


def rows_at(moment: Cursor, workflow: Workflow) -> Iterator[Lines]:
    """Yield the rows; an answer that nobody gave, or that a task has not, is empty."""
    tree, names = workflow.tree.tree, header(workflow)[4:]
    places = {name: place for place, name in enumerate(names, 4)}
    for part in evidence_at(moment, workflow):
        rows: Lines = []
        for galaxy, votes, asked in zip(part.subject_id, part.votes, part.asked, strict=True):
            rows += _of_galaxy(tree, places, workflow.pk, (int(galaxy), votes, asked))
        yield rows


def _of_galaxy(
    tree: Tree, places: dict[str, int], workflow_id: int, known: tuple[int, Any, Any]
) -> Iterator[list[Any]]:
    galaxy, votes, asked = known
    for question in tree.questions:
        if not asked[question.index]:
            continue
        row: list[Any] = [galaxy, workflow_id, task_of(question), REDUCER, *[""] * len(places)]
        for answer in question.answers:
            if votes[answer.index]:
                row[places[f"data.{slug(answer.label)}"]] = float(votes[answer.index])
        yield row


def slug(label: str) -> str:
    """Return what panoptes_aggregation makes of an answer's words: "Can't tell" is can-t-tell."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
