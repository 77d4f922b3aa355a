"""What is stored of the galaxies of one page, as arrays."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection

from webapp.exports.columns import Kind
from webapp.exports.evidence import Evidence
from webapp.workflows.models import Workflow

_FIELDS = (
    "s.id, s.survey_id, t.slug, s.ra_deg, s.dec_deg, c.votes, c.asked, c.weighted,"
    " c.weighted_asked, c.prior, left(m.sha256, 8), c.n_classifications, c.retired_at,"
    " c.retired_reason, f.id IS NOT NULL, c.is_gold, s.filled_share"
)
_FROM = """
    FROM consensus_consensus c
    JOIN subjects_subject s ON s.id = c.subject_id
    JOIN subjects_subjectset t ON t.id = s.subject_set_id
    LEFT JOIN registry_modelversion m ON m.id = c.prior_model_id AND c.prior IS NOT NULL
    LEFT JOIN consensus_flag f ON f.workflow_id = c.workflow_id AND f.subject_id = c.subject_id
    WHERE c.workflow_id = %s AND c.tree_id = %s AND c.subject_id = ANY(%s)
    ORDER BY c.subject_id
"""
MARKS = "#!%"  # of the names of columns that are hidden, or hidden while voting


def evidence_of(
    workflow: Workflow, subject_ids: Sequence[int], metadata: Mapping[str, Kind] | None = None
) -> Evidence:
    """Return what is known of these galaxies, by growing id.

    A galaxy whose tally waits to be recounted along the campaign's new tree is left out.

    Args:
        metadata: kinds of what the survey says that is wanted too, by its names without marks.
    """
    fields = f"SELECT {_FIELDS}{', s.metadata' if metadata else ''} {_FROM}"
    with connection.cursor() as cursor:
        cursor.execute(fields, [workflow.pk, workflow.tree_id, list(subject_ids)])
        rows = cursor.fetchall()
    return _arrays(workflow, rows, metadata or {})


def _arrays(
    workflow: Workflow, rows: Sequence[Sequence[Any]], metadata: Mapping[str, Kind]
) -> Evidence:
    tree = workflow.tree.tree
    columns = list(zip(*rows, strict=True)) or [()] * 18
    nothing = [np.nan] * tree.n_answers
    retired_at = [None if at is None else at.replace(tzinfo=None) for at in columns[12]]

    def grid(place: int, width: int, kind: Any) -> Any:
        return np.array(columns[place], kind).reshape(-1, width)

    return Evidence(
        tree=tree,
        subject_id=np.array(columns[0], np.int64),
        survey_id=_texts(columns[1]),
        survey=_texts(columns[2]),
        ra=np.array(columns[3], np.float64),  # None becomes NaN
        dec=np.array(columns[4], np.float64),
        votes=grid(5, tree.n_answers, np.int32),
        asked=grid(6, tree.n_questions, np.int32),
        weighted=grid(7, tree.n_answers, np.float32),
        weighted_asked=grid(8, tree.n_questions, np.float32),
        prior=np.array([one or nothing for one in columns[9]], np.float32).reshape(
            -1, tree.n_answers
        ),
        model=_texts([one or "" for one in columns[10]]),
        n_classifications=np.array(columns[11], np.int32),
        retired_at=np.array(retired_at, "datetime64[us]"),
        retired_reason=_texts(columns[13]),
        n_flags=np.array(columns[14], np.int32),
        is_gold=np.array(columns[15], np.bool_),
        filled_share=np.array(columns[16], np.float64),
        metadata=_metadata(columns[17], metadata) if metadata else {},
    )


def _texts(values: Sequence[str]) -> Any:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _metadata(documents: Sequence[Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    found = [_bare(document) for document in documents]
    return {
        name: _typed([one.get(name, "") for one in found], kind) for name, kind in kinds.items()
    }


def _typed(values: Sequence[str], kind: Kind) -> Any:
    if kind.is_text:
        return _texts(values)
    return np.array([_number(value) for value in values], np.float64)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _bare(document: Any) -> dict[str, str]:
    said = json.loads(document) if isinstance(document, str) else document
    return {name.lstrip(MARKS).strip(): str(value) for name, value in said.items()}
