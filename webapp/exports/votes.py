"""The second table: single votes, one row an answer, those that do not count too."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.formats.tree import Tree
from webapp.exports.pseudonyms import person_of, pseudonym
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import TreeVersion, Workflow

CHUNK = 20_000  # classifications held at once
COUNTED, REPEAT = "counted", "repeat"

# A classification without a standing is a repeat of the one that has it, or was replaced by it.
_ROWS = """
    SELECT given.id, given.uuid::text, volunteer.user_id, volunteer.uuid, given.subject_id,
           subject.survey_id, given.tree_id, given.path,
           to_char(given.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           coalesce(standing.weight, 0), coalesce(standing.state, ''),
           EXISTS (SELECT FROM classifications_classification later
                   WHERE later.supersedes_id = given.id),
           given.stream, coalesce(given.score, 'NaN'), coalesce(left(model.sha256, 8), ''),
           coalesce(given.view::text, '')
    FROM classifications_classification given
    JOIN accounts_volunteer volunteer ON volunteer.id = given.volunteer_id
    JOIN subjects_subject subject ON subject.id = given.subject_id
    LEFT JOIN classifications_standing standing ON standing.classification_id = given.id
    LEFT JOIN registry_modelversion model ON model.id = given.model_id
    WHERE given.workflow_id = %s AND given.id > %s
    ORDER BY given.id LIMIT %s
"""
Table = dict[str, NDArray[Any]]
Row = tuple[Any, ...]


def rows_at(moment: Cursor, workflow: Workflow, *, chunk: int = CHUNK) -> Iterator[Table]:
    """Yield the votes of a campaign in the order they came, arrays by the columns' names.

    Args:
        chunk: classifications a time; a walk of five answers is five rows.
    """
    after = 0
    while True:
        moment.execute(_ROWS, [workflow.pk, after, chunk])
        found = moment.fetchall()
        if not found:
            return
        yield _table(workflow, found)
        after = found[-1][0]


def count_at(moment: Cursor, workflow: Workflow) -> int:
    """Return how many rows there are at a moment."""
    moment.execute(
        "SELECT tree_id, path, count(*) FROM classifications_classification "
        "WHERE workflow_id = %s GROUP BY 1, 2",
        [workflow.pk],
    )
    return sum(n * len(_answers(tree, tuple(path))) for tree, path, n in moment.fetchall())


def _table(workflow: Workflow, found: Sequence[Row]) -> Table:
    lines = [line for row in found for line in _lines(workflow, row)]
    columns = list(zip(*lines, strict=True))
    return {
        name: np.array(values, kind) for (name, kind), values in zip(_COLUMNS, columns, strict=True)
    }


_COLUMNS = (
    ("classification", object), ("volunteer", object), ("source_id", np.int64),
    ("survey_id", object), ("tree", object), ("question", object), ("answer", object),
    ("answered_at", object), ("weight", np.float32), ("counted", np.int16), ("reason", object),
    ("superseded", np.int16), ("stream", object), ("score", np.float64), ("model", object),
    ("picture_view", object),
)  # fmt: skip


def _lines(workflow: Workflow, row: Row) -> Iterator[Row]:
    """Yield a row for each answer of a walk."""
    _, uuid, user_id, browser, subject_id, survey_id, tree_id, path = row[:8]
    answered_at, weight, state, is_superseded = row[8:12]
    view = _ascii(row[15])
    who = pseudonym(person_of(user_id, browser), workflow.pk)
    is_counted = state == COUNTED
    reason = "" if is_counted else (state or ("superseded" if is_superseded else REPEAT))
    sha256 = TreeVersion.objects.known(tree_id).sha256[:8]
    for question, answer in _answers(tree_id, tuple(path)):
        yield (
            uuid, who, subject_id, survey_id, sha256, question, answer, answered_at, weight,
            int(is_counted), reason, int(is_superseded), *row[12:15], view,
        )  # fmt: skip


def _ascii(view: str) -> str:
    """Escape the names of bands: they are what a page said, and FITS refuses other letters."""
    return view if view.isascii() else json.dumps(json.loads(view))


@lru_cache(maxsize=100_000)
def _answers(tree_id: int, path: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """Return question and answer of each row of a walk; "" where nothing was chosen."""
    tree: Tree = TreeVersion.objects.known(tree_id).tree
    found = []
    for place in tree.asked(path):
        question = tree.questions[place]
        chosen = [one.key for one in question.answers if one.index in path]
        found += [(question.key, key) for key in chosen or [""]]
    return tuple(found)
