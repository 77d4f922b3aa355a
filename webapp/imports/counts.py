"""Tables of votes, one row a galaxy: how many people gave each answer.

The columns are found by the tree's own column names and aliases, with or without `_count`. How many
met a question is the sum of its answers, or what `<question>_total-votes` says where several may be
chosen. A galaxy may have several names, each in a column of its own: it is the one that the set has
under any of them, and a new one is called by the first.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from inference.errors import shown
from inference.formats.question import Question
from inference.formats.tree import Tree
from webapp.classifications import recount
from webapp.consensus import services as consensus
from webapp.consensus.admission import admit_these
from webapp.consensus.models import ImportedTally
from webapp.imports import galaxies
from webapp.imports.models import ImportBatch
from webapp.imports.tables import MOST_OF_NAME, FileRefused, Row, RowRefused
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

IDS = ("subject_id", "iauname", "dr7objid", "dr8_id", "objid", "id_str", "survey_id")
PEOPLE = ("classifications_count", "total_classifications")
MOST = 1_000_000_000
MOST_CHARACTERS = 100


@dataclass(frozen=True)
class Counted:
    """A row that can come in; `names` are the galaxy's, by their columns, in the order of IDS."""

    number: int
    names: Mapping[str, str]
    votes: list[int]
    asked: list[int]
    n_people: int
    subject: Subject


def names_of(row: Row) -> dict[str, str]:
    """Return the galaxy's names in a row by their columns, the one for a new galaxy first."""
    return {column: row[column] for column in IDS if row.get(column)}


def read(batch: ImportBatch, number: int, row: Row) -> Counted:
    """Return what a row says.

    Raises:
        RowRefused: it has no name, or a count that is no whole number.
        FileRefused: no column is one of the tree's answers.
    """
    tree = _workflow(batch).tree.tree
    places = _places(tree, tuple(row))
    if not places:
        raise FileRefused(
            f"No column is an answer of the tree {tree.title}; one would be called "
            f"{tree.column(tree.answers[0])}. Choose the campaign with the table's tree."
        )
    names = names_of(row)
    name = next(iter(names.values()), "")
    if not 0 < len(name) <= MOST_OF_NAME:
        raise RowRefused(f"The row has no name of its galaxy: one of {', '.join(IDS)}.")
    votes = [0] * tree.n_answers
    for column, place in places:
        votes[place] = _whole(row, column)
    asked = [_asked(row, question, votes) for question in tree.questions]
    told = {key: row[key] for key in ("ra", "dec") if row.get(key)} | names
    people = next((_whole(row, column) for column in PEOPLE if row.get(column)), asked[0])
    made = galaxies.made(batch.subject_set_id or 0, name, told, {})
    return Counted(number, names, votes, asked, people, made)


def _workflow(batch: ImportBatch) -> Workflow:
    if batch.workflow is None:
        raise FileRefused("Choose the campaign that the votes count in.")
    return batch.workflow


@lru_cache(maxsize=64)
def _places(tree: Tree, columns: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Return the columns that are answers; one with `_count` before one without."""
    found: dict[int, str] = {}
    for column in columns:
        bare = column.removesuffix("_count")
        answer = tree.answer_of_column(bare)
        if answer is not None and (answer.index not in found or bare != column):
            found[answer.index] = column
    return tuple((column, index) for index, column in found.items())


def _whole(row: Row, column: str) -> int:
    text = row.get(column, "") or "0"
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MOST or number != int(number):
        raise RowRefused(f"{column} is {shown(text)}, and a count of people is a whole number.")
    return int(number)


def _asked(row: Row, question: Question, votes: Sequence[int]) -> int:
    given = [votes[index] for index in question.span]
    if question.is_single:
        return sum(given)
    return max(*given, _whole(row, f"{question.key}_total-votes"))


def store(batch: ImportBatch, rows: Sequence[Counted]) -> tuple[int, dict[int, str]]:
    """Store counts in the caller's transaction, and count them.

    Returns:
        How many were new, and of refused ones the reason by the row's number.
    """
    refused: dict[int, str] = {}
    ids = _galaxies(batch, rows, refused)
    rows = [row for row in rows if row.number in ids]
    if not rows:
        return 0, refused
    workflow, chosen = consensus.present(_workflow(batch)), sorted(set(ids.values()))
    admit_these(workflow, chosen)
    tallies = consensus.locked(workflow, chosen)
    n_new = sum(_put(batch, workflow, ids[row.number], row) for row in rows)
    if n_new:
        recount.repair_locked(workflow, tallies, why="votes were imported")
    return n_new, refused


def _galaxies(
    batch: ImportBatch, rows: Sequence[Counted], refused: dict[int, str]
) -> dict[int, int]:
    """Return the galaxy of each row by its number; one that the set has not is made of the row."""
    known = _known(batch, {name for row in rows for name in row.names.values()})
    new = {row.subject.survey_id: row.subject for row in rows if not _among(known, row)}
    if new:
        galaxies.store(batch.subject_set_id or 0, new)
        known |= _known(batch, set(new))
    found = {}
    for row in rows:
        mine = _among(known, row)
        if len(set(mine.values())) > 1:
            refused[row.number] = _several(row, mine)
        else:
            found[row.number] = next(iter(mine.values()))
    return found


def _known(batch: ImportBatch, names: Collection[str]) -> dict[str, int]:
    there = Subject.objects.filter(subject_set=batch.subject_set, survey_id__in=names)
    return dict(there.values_list("survey_id", "pk"))


def _among(known: Mapping[str, int], row: Counted) -> dict[str, int]:
    """Return the galaxies that the set has under a row's names, by the names' columns."""
    return {column: known[name] for column, name in row.names.items() if name in known}


def _several(row: Counted, mine: Mapping[str, int]) -> str:
    said = " and ".join(f"{column} {shown(row.names[column])}" for column in mine)
    return (
        f"The set has different galaxies under {said}: leave out the column that is not this "
        f"set's name."
    )


def source_of(name: str) -> str:
    """Return what a table's counts are kept under: its name, or a part of it and its hash."""
    if len(name) <= MOST_CHARACTERS:
        return name
    return f"{name[:60]}… {hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _put(batch: ImportBatch, workflow: Workflow, subject_id: int, row: Counted) -> bool:
    """Store a row's counts in the place of what this table said before; False if it is the same."""
    values: dict[str, Any] = {
        "tree_id": _workflow(batch).tree_id,
        "votes": row.votes,
        "asked": row.asked,
        "n_people": row.n_people,
    }
    key: dict[str, Any] = {
        "workflow": workflow,
        "subject_id": subject_id,
        "source": source_of(batch.source_name),
    }
    if ImportedTally.objects.filter(**key, **values).exists():
        return False
    ImportedTally.objects.update_or_create(**key, defaults=values)
    return True
