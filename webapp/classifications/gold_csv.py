"""Gold from a CSV manifest: checked as a whole, then stored as a whole or not at all."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from inference.errors import shown
from inference.formats.tree import Tree
from webapp.accounts.models import User
from webapp.classifications import expert, gold
from webapp.classifications.expert import Fractions, GoldUnusable
from webapp.classifications.gold import Entry
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.subjects.manifest import Line, Manifest
from webapp.subjects.models import Subject
from webapp.subjects.rows import RowRefused, check_survey_id
from webapp.workflows import services as workflows
from webapp.workflows.models import Workflow

MAX_ROWS = 5000  # stored by one request
SURVEY_ID, SET, ANSWERS, WORDS = "survey_id", "set", "answers", "words"


@dataclass(frozen=True)
class Problem:
    """A row that cannot be used, and why."""

    row: int  # the line of the file in which it begins
    reason: str


@dataclass(frozen=True)
class Checked:
    """What a manifest says, row by row; with a single problem nothing of it is stored."""

    entries: Sequence[Entry]
    problems: Sequence[Problem]


class GoldRefused(DomainError):
    """A manifest with bad rows; none of it was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        others = f" {len(problems) - 1:,} more rows are bad too." if len(problems) > 1 else ""
        super().__init__(f"Row {first.row:,}: {first.reason}{others} Nothing was stored.")
        self.problems = problems


@dataclass(frozen=True)
class Imported:
    """How many galaxies a manifest gave gold, and how many of them had some before."""

    n_galaxies: int
    n_replaced: int


def import_gold(*, workflow: Workflow, path: Path, by: User) -> Imported:
    """Store every row of a manifest, or none.

    Raises:
        SourceRefused: the file cannot be read as CSV.
        GoldUnusable: its columns are none.
        GoldRefused: a row is bad.
        WrongStatus: the campaign is finished.
    """
    with transaction.atomic():
        locked = workflows.lock_unfinished(workflow, gold.WHAT)
        checked = check(locked, path)
        if checked.problems:
            raise GoldRefused(checked.problems)
        before = gold.store(locked, checked.entries, by)
        names = {entry.subject.pk: entry.subject.survey_id for entry in checked.entries}
        audit.write_entry(
            actor=by, action="import_gold", target="workflow", target_id=locked.pk,
            old={names[pk]: said for pk, said in before.items()} or None,
            new={"galaxies": len(names), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        )  # fmt: skip
    return Imported(len(names), len(before))


def check(workflow: Workflow, path: Path) -> Checked:
    """Return what a manifest says along the campaign's tree; nothing is stored.

    Raises:
        SourceRefused: the file cannot be read as CSV.
        GoldUnusable: its columns are none, or it has no rows or too many.
    """
    manifest = Manifest(path)
    columns = Columns.of(manifest.header, workflow.tree.tree)
    lines = list(islice(manifest.lines(), MAX_ROWS + 1))
    if not 0 < len(lines) <= MAX_ROWS:
        count = "no rows" if not lines else f"more than {MAX_ROWS:,} rows"
        raise GoldUnusable(
            _(
                "The manifest has %(count)s below its header, and 1 to %(max_rows)s are accepted: "
                "%(it)s."
            )
            % {
                "count": count,
                "max_rows": f"{MAX_ROWS:,}",
                "it": "fill it in" if not lines else "split it",
            }
        )
    return _checked(workflow, columns, lines)


def _checked(workflow: Workflow, columns: "Columns", lines: Sequence[Line]) -> Checked:
    names = {columns.survey_id(line).strip() for line in lines if not line.problem}
    known = gold.by_name(workflow, {name for name in names if "\0" not in name})
    seen: dict[int, int] = {}
    entries, problems = [], []
    for line in lines:
        try:
            entry = columns.entry(line, known)
            _refuse_double(entry.subject, seen, line.number)
        except (GoldUnusable, RowRefused) as error:
            problems.append(Problem(line.number, str(error)))
        else:
            entries.append(entry)
    return Checked(entries, problems)


def _refuse_double(subject: Subject, seen: dict[int, int], row: int) -> None:
    if (first := seen.setdefault(subject.pk, row)) != row:
        raise GoldUnusable(
            _("%(survey_id)s stands in row %(first)s already: remove one of them.")
            % {"survey_id": subject.survey_id, "first": f"{first:,}"}
        )


@dataclass(frozen=True)
class Columns:
    """Where a manifest says what."""

    tree: Tree
    places: Mapping[str, int]  # of SURVEY_ID, SET, ANSWERS and WORDS, those that are there
    shares: Mapping[int, int]  # column by place of the answer on the axis

    @classmethod
    def of(cls, header: Sequence[str], tree: Tree) -> "Columns":
        """Find the columns.

        Raises:
            GoldUnusable: one is unknown or there twice, or the galaxy or the answers are missing.
        """
        places: dict[str, int] = {}
        shares: dict[int, int] = {}
        for place, name in enumerate(header):
            if name.lower() in (SURVEY_ID, SET, ANSWERS, WORDS):
                _put(places, name.lower(), place, name)
            else:
                _put(shares, _answer(tree, name), place, name)
        _check_whole(places, shares, tree)
        return cls(tree, places, shares)

    def _cell(self, line: Line, column: str) -> str:
        return line.cells[self.places[column]] if column in self.places else ""

    def survey_id(self, line: Line) -> str:
        """Return the survey's name of the galaxy, as it stands there."""
        return self._cell(line, SURVEY_ID)

    def entry(self, line: Line, known: Mapping[str, Sequence[Subject]]) -> Entry:
        """Return what a line says.

        Raises:
            GoldUnusable, RowRefused: it cannot be used.
        """
        if line.problem:
            raise GoldUnusable(line.problem)
        survey_id = check_survey_id(self.survey_id(line))
        subject = gold.chosen(known, survey_id, self._cell(line, SET).strip())
        words = expert.check_words(self._cell(line, WORDS))
        return Entry(subject, self._fractions(line), words)

    def _fractions(self, line: Line) -> Fractions:
        if ANSWERS not in self.places:
            return expert.of_shares(self.tree, dict(self._given(line)))
        text = self._cell(line, ANSWERS)
        if not text.strip():
            raise GoldUnusable(_("The row has no answers: fill them in, or remove the row."))
        return expert.of_names(self.tree, text)

    def _given(self, line: Line) -> Iterator[tuple[int, float]]:
        for index, column in self.shares.items():
            if cell := line.cells[column].strip():
                yield index, expert.read_share(self.tree, index, cell)


def _put(places: dict[str, int] | dict[int, int], key: str | int, place: int, name: str) -> None:
    if key in places:
        raise GoldUnusable(
            _("Two columns say the same, the second is %(name)s: remove one.")
            % {"name": shown(name)}
        )
    places[key] = place  # type: ignore[index]


def _answer(tree: Tree, name: str) -> int:
    """Return the place on the axis of the answer that a column is about, by any of its names."""
    try:
        return tree.answer(name).index
    except KeyError:
        answer = tree.answer_of_column(name)
    if answer is None:
        raise GoldUnusable(
            _(
                "The column %(name)s is neither %(survey_id)s, %(set)s, %(answers)s, %(words)s "
                "nor an answer of the tree, such as %(answers_2)s. Remove it, or correct it."
            )
            % {
                "name": shown(name),
                "survey_id": SURVEY_ID,
                "set": SET,
                "answers": ANSWERS,
                "words": WORDS,
                "answers_2": tree.name(tree.answers[0]),
            }
        )
    return answer.index


def _check_whole(places: Mapping[str, int], shares: Mapping[int, int], tree: Tree) -> None:
    if SURVEY_ID not in places:
        raise GoldUnusable(
            _("The manifest has no column %(survey_id)s. Name the column of the survey's names so.")
            % {"survey_id": SURVEY_ID}
        )
    if ANSWERS in places and shares:
        raise GoldUnusable(
            _("The manifest has a column %(answers)s and columns of single answers. Keep one kind.")
            % {"answers": ANSWERS}
        )
    if ANSWERS not in places and not shares:
        raise GoldUnusable(
            _(
                "The manifest has no answers. Add a column %(answers)s, or one column for each "
                "answer, such as %(answers_2)s."
            )
            % {"answers": ANSWERS, "answers_2": tree.name(tree.answers[0])}
        )
