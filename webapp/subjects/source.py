"""What an ingest batch reads: rows one after another, and the pictures that they name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from inference.errors import shown
from webapp.subjects.archive import PictureArchive
from webapp.subjects.columns import Columns, Lookup, understood
from webapp.subjects.folder import PictureFolder
from webapp.subjects.manifest import SEPARATORS, Manifest
from webapp.subjects.models import IngestBatch, SourceKind
from webapp.subjects.rows import (
    MAX_ROWS,
    Pictures,
    Row,
    RowRefused,
    SourceRefused,
    check_survey_id,
    path_problem,
    stem,
)


class Source(Protocol):
    """Rows and their pictures; reading it twice gives the same rows with the same numbers.

    Attributes:
        notes: what was understood of it, one sentence each.
    """

    notes: list[str]
    n_rows: int

    @property
    def pictures(self) -> Pictures:
        """Where the pictures lie that the rows name."""

    @property
    def fingerprint(self) -> str:
        """Something that changes when the source does."""

    def rows(self) -> Iterator[Row]:
        """Yield every row, bad ones included."""


@dataclass
class PictureSource:
    """A folder or ZIP file in which every file is a galaxy, named by its file."""

    pictures: Pictures
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.n_rows = len(self.pictures.names())
        self.notes.append("The survey id is the picture's name without its suffix.")

    @property
    def fingerprint(self) -> str:
        """That of its pictures."""
        return self.pictures.fingerprint

    def rows(self) -> Iterator[Row]:
        """Yield a row for each file."""
        return told_apart(map(_file_row, range(1, self.n_rows + 1), self.pictures.names()))


class ManifestSource:
    """A CSV manifest, whose pictures lie in a folder or ZIP file."""

    def __init__(self, manifest: Manifest, pictures: Pictures) -> None:
        """Walk through the manifest once, to see what its columns are.

        Raises:
            SourceRefused: it cannot be used as a whole.
        """
        self.manifest, self.pictures = manifest, pictures
        self._lookup = Lookup(pictures.names())
        self.columns, survey = understood(manifest.header, manifest.lines(), self._lookup)
        self.n_rows = survey.n_lines
        self.notes = [*_format_words(manifest), *self.columns.words()]
        if survey.looks_like_hours:
            self.notes.append(
                f"Warning: all {survey.n_ra:,} right ascensions are below 24. They are read as "
                f"degrees; if they are hours, multiply them by 15."
            )

    @property
    def fingerprint(self) -> str:
        """That of the manifest and of its pictures."""
        return f"{self.manifest.fingerprint} {self.pictures.fingerprint}"

    def rows(self) -> Iterator[Row]:
        """Yield a row for each line."""
        columns: Columns = self.columns
        return told_apart(columns.row(line, self._lookup) for line in self.manifest.lines())


def told_apart(rows: Iterator[Row]) -> Iterator[Row]:
    """Refuse rows whose survey id an earlier row has."""
    seen: dict[str, int] = {}
    for row in rows:
        if row.refusal:
            yield row
        elif (first := seen.setdefault(row.survey_id, row.number)) != row.number:
            yield replace(
                row,
                refusal=f"The survey id {shown(row.survey_id)} stands in row {first:,} already: "
                f"remove one of them, or rename it.",
            )
        else:
            yield row


def _file_row(number: int, name: str) -> Row:
    if problem := path_problem(name):
        return Row(number, name, refusal=f"The picture's name {shown(name)} {problem}.")
    try:
        return Row(number, name, survey_id=check_survey_id(stem(name)))
    except RowRefused as refusal:
        return Row(number, name, refusal=str(refusal))


def _format_words(manifest: Manifest) -> list[str]:
    encoding = {"utf-16": "UTF-16", "utf-8-sig": "UTF-8"}[manifest.encoding]
    said = [f"The manifest is {encoding} text, separated by {SEPARATORS[manifest.separator]}s."]
    if manifest.n_repeated:
        said.append(
            f"{manifest.n_repeated:,} repeated or empty column names were numbered, so that none "
            f"hides another."
        )
    return said


@contextmanager
def open_source(batch: IngestBatch) -> Iterator[Source]:
    """Open what a batch reads.

    Raises:
        SourceRefused: it is missing or cannot be used as a whole.
    """
    path = Path(batch.source)
    if not path.exists():
        raise SourceRefused(f"{batch.source_name} is no longer there: upload it again.")
    with ExitStack() as stack:
        if batch.kind == SourceKind.MANIFEST:
            pictures = _pictures(Path(batch.picture_folder or path.parent), stack)
            source: Source = ManifestSource(Manifest(path), pictures)
        else:
            source = PictureSource(_pictures(path, stack))
        if not 0 < source.n_rows <= MAX_ROWS:
            raise SourceRefused(
                f"{batch.source_name} has {source.n_rows:,} galaxies, and 1 to {MAX_ROWS:,} are "
                f"accepted: check that it is the right one, or split it."
            )
        yield source


def _pictures(path: Path, stack: ExitStack) -> Pictures:
    if path.is_dir():
        return PictureFolder(path)
    return stack.enter_context(PictureArchive(path))
