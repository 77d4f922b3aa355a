"""Tallies as other tools keep them: reductions, training catalogs, released catalogs."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

from inference.formats.tree import Tree
from webapp.exports.evidence import Evidence
from webapp.exports.panoptes import label_of, task_of
from webapp.exports.snapshot import Cursor, evidence_at
from webapp.subjects import media
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

Row = tuple[Any, ...]


def slug(label: str) -> str:
    """Return a text as panoptes_aggregation names its columns."""
    plain = (
        unicodedata.normalize("NFKD", label.replace("\u2019", "'"))
        .encode("ascii", "ignore")
        .decode()
        .lower()
    )
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _slugs(tree: Tree) -> list[str]:
    return [slug(label_of(tree, index)) for index in range(tree.n_answers)]


def reduction_columns(workflow: Workflow) -> tuple[str, ...]:
    """Return the columns of question_reducer's table."""
    names = sorted(set(_slugs(workflow.tree.tree)))
    return ("subject_id", "workflow_id", "task", "reducer", *(f"data.{name}" for name in names))


def reductions(moment: Cursor, workflow: Workflow) -> Iterator[Row]:
    """Yield a row for each question that people were asked about a galaxy."""
    tree = workflow.tree.tree
    slugs = _slugs(tree)
    names = sorted(set(slugs))
    for part in evidence_at(moment, workflow):
        for place, question in zip(*np.nonzero(part.asked), strict=True):
            asked = tree.questions[int(question)]
            given = {
                slugs[i]: int(part.votes[place, i]) for i in asked.span if part.votes[place, i]
            }
            if given:
                yield (
                    int(part.subject_id[place]), workflow.pk, task_of(asked), "question_reducer",
                    *(float(given[name]) if name in given else "" for name in names),
                )  # fmt: skip


def training_columns(workflow: Workflow) -> tuple[str, ...]:
    """Return the columns of Zoobot's training catalog."""
    tree = workflow.tree.tree
    return ("id_str", "file_loc", *(tree.column(answer) for answer in _single(tree)))


def _single(tree: Tree) -> list[Any]:
    return [one for one in tree.answers if tree.questions[one.question].is_single]


def training(moment: Cursor, workflow: Workflow) -> Iterator[Row]:
    """Yield a row for each galaxy that has votes and a picture: whole numbers, never nothing."""
    places = [answer.index for answer in _single(workflow.tree.tree)]
    for part in evidence_at(moment, workflow):
        pictures = dict(
            Subject.objects.filter(pk__in=part.subject_id.tolist())
            .exclude(display_sha256="")
            .values_list("pk", "display_sha256")
        )
        for row in np.flatnonzero(part.n_classifications):
            picture = pictures.get(int(part.subject_id[row]))
            if picture:
                counts = part.votes[row, places].tolist()
                yield (part.survey_id[row], media.name("display", picture), *counts)


def catalog_columns(workflow: Workflow) -> tuple[str, ...]:
    """Return the columns of a catalog as Galaxy Zoo DECaLS released them."""
    tree = workflow.tree.tree
    names = ["iauname", "ra", "dec"]
    for question in tree.questions:
        suffix = f"-{tree.campaign}" if tree.campaign else ""
        names.append(f"{question.key}{suffix}_total-votes")
        for answer in question.answers:
            names += [tree.column(answer), f"{tree.column(answer)}_fraction"]
    return tuple(names)


def catalog(moment: Cursor, workflow: Workflow) -> Iterator[Row]:
    """Yield a row for each galaxy: people asked, votes, and fractions where anybody was asked."""
    for part in evidence_at(moment, workflow):
        for row in range(len(part)):
            yield _catalog_row(part, row)


def _catalog_row(part: Evidence, row: int) -> Row:
    values: list[Any] = [part.survey_id[row], *(_number(v) for v in (part.ra[row], part.dec[row]))]
    for question in part.tree.questions:
        asked = int(part.asked[row, question.index])
        values.append(asked)
        for index in question.span:
            votes = int(part.votes[row, index])
            values += [votes, votes / asked if asked else ""]
    return tuple(values)


def _number(value: float) -> float | str:
    return "" if np.isnan(value) else float(value)
