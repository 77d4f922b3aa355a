"""Reading a file to its end: every row comes in, is known, or is refused with its reason."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import transaction

from webapp.common import work
from webapp.common.errors import DomainError
from webapp.imports import counts, galaxies, versions, votes
from webapp.imports.models import ImportBatch, ImportProblem, Kind
from webapp.imports.tables import FileRefused, Row, RowRefused, rows
from webapp.subjects.models import Subject

FOLDER = "imports"  # of uploads; each is kept until it has been read to its end
CHUNK = 200  # rows that one transaction stores
Numbered = tuple[int, Row]
MAX_NAME = 255


def run_batch(batch: ImportBatch) -> None:
    """Read what has not been read; a worker that takes over goes on after the last chunk.

    Raises:
        DomainError: the file as a whole is not what it should be.
    """
    for part in _chunks(batch):
        work.rest(batch)
        with transaction.atomic():
            work.hold(batch)
            n_added, refused = _STORES[batch.kind](batch, part)
            _refuse(batch, part, refused)
            batch.n_added += n_added
            batch.n_refused += len(refused)
            batch.n_known += len(part) - n_added - len(refused)
            batch.save(update_fields=["n_added", "n_refused", "n_known"])
            work.report(batch, n_done=batch.n_done + len(part))
    with transaction.atomic():
        work.hold(batch)
        work.finish(batch)
    if Path(batch.source).parent == Path(settings.UPLOADS_ROOT, FOLDER):
        Path(batch.source).unlink(missing_ok=True)  # it was kept for this only


def _chunks(batch: ImportBatch) -> Iterator[tuple[Numbered, ...]]:
    path = Path(batch.source)
    if not path.is_file():
        raise FileRefused(f"The file {batch.source_name} is not there any more: choose it again.")
    waiting = islice(_read(batch, path), batch.n_done, None)
    while part := tuple(islice(waiting, CHUNK)):
        yield part


def _read(batch: ImportBatch, path: Path) -> Iterator[Numbered]:
    if batch.kind == Kind.WORKFLOWS:
        return versions.read(path, batch.external_workflow)
    if batch.kind == Kind.SUBJECTS:
        return galaxies.read(path)
    return rows(path, needs=() if batch.kind == Kind.TALLIES else votes.NEEDS)


def _store_versions(batch: ImportBatch, part: tuple[Numbered, ...]) -> tuple[int, dict[int, str]]:
    n_added, refused = 0, {}
    for number, row in part:
        try:
            n_added += versions.store(batch, row)
        except (DomainError, KeyError, AttributeError, TypeError) as error:
            refused[number] = _words(error)
    return n_added, refused


def _store_galaxies(batch: ImportBatch, part: tuple[Numbered, ...]) -> tuple[int, dict[int, str]]:
    found: dict[str, Subject] = {}
    refused: dict[int, str] = {}
    for number, row in part:
        try:
            subject = galaxies.of_row(batch.subject_set_id or 0, row)
            found.setdefault(subject.survey_id, subject)  # one row a set and workflow there
        except (RowRefused, KeyError) as error:
            refused[number] = _words(error)
    return len(galaxies.store(batch.subject_set_id or 0, found)), refused


def _store_votes(batch: ImportBatch, part: tuple[Numbered, ...]) -> tuple[int, dict[int, str]]:
    trees = votes.trees_of(batch.external_workflow)
    found, refused = [], {}
    for number, row in part:
        try:
            found.append(votes.read(batch, number, row, trees))
        except (RowRefused, KeyError) as error:
            refused[number] = _words(error)
    n_added, others = votes.store(batch, found)
    return n_added, refused | others


def _store_tallies(batch: ImportBatch, part: tuple[Numbered, ...]) -> tuple[int, dict[int, str]]:
    found: list[counts.Counted] = []
    refused: dict[int, str] = {}
    for number, row in part:
        try:
            found.append(counts.read(batch, number, row))
        except RowRefused as error:
            refused[number] = _words(error)
    n_added, others = counts.store(batch, found)
    return n_added, refused | others


_Store = Callable[[ImportBatch, tuple[Numbered, ...]], tuple[int, dict[int, str]]]
_STORES: dict[str, _Store] = {
    Kind.WORKFLOWS: _store_versions,
    Kind.SUBJECTS: _store_galaxies,
    Kind.CLASSIFICATIONS: _store_votes,
    Kind.TALLIES: _store_tallies,
}


def _words(error: Exception) -> str:
    if isinstance(error, DomainError):
        return str(error)
    if isinstance(error, KeyError):
        return f"The row has no cell {error}: it is shorter than the header."
    return f"The row is not of the form that the export has ({error})."


def _refuse(batch: ImportBatch, part: tuple[Numbered, ...], refused: dict[int, str]) -> None:
    ImportProblem.objects.bulk_create(
        [
            ImportProblem(
                batch=batch, row_number=number, name=_name(batch, row)[:MAX_NAME],
                reason=refused[number],
            )
            for number, row in part
            if number in refused
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def _name(batch: ImportBatch, row: Row) -> str:
    if batch.kind == Kind.WORKFLOWS:
        return versions.label(row)
    if batch.kind == Kind.TALLIES:
        return next(iter(counts.names_of(row).values()), "")
    if batch.kind == Kind.SUBJECTS:
        return row.get(galaxies.NAME) or row.get("subject_id", "")
    return row.get("classification_id", "")
