"""A CSV manifest as a stream of lines: its encoding, separator and header, whoever wrote it."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from inference.errors import shown
from webapp.subjects.rows import MAX_ROWS, SourceRefused

MAX_COLUMNS = 500
MAX_LINE = 200_000
MAX_HEADER_NAME = 200
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True)
class Line:
    """One record.

    Attributes:
        number: of the line in which it begins, from 1.
        cells: as many as the header has; empty if there is a problem.
    """

    number: int
    cells: tuple[str, ...] = ()
    problem: str = ""


class Manifest:
    """A CSV file with a header. It is read anew, and never held, for each walk through it."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            SourceRefused: it cannot be read as CSV.
        """
        self.path = path
        self.encoding = _encoding(path)
        with self._open() as stream:
            self.separator = _separator(stream)
        self.header, self.n_repeated = _header(next(self._records(), None))

    @property
    def fingerprint(self) -> str:
        """Size and time of the file."""
        state = self.path.stat()
        return f"manifest {state.st_size} {state.st_mtime_ns}"

    def lines(self) -> Iterator[Line]:
        """Yield every record below the header that is not blank.

        Raises:
            SourceRefused: what follows cannot be told apart any more, such as after an open quote.
        """
        records = self._records()
        next(records, None)
        for count, record in enumerate(records, start=1):
            if count > MAX_ROWS:
                raise SourceRefused(
                    f"The manifest has more than {MAX_ROWS:,} rows: split it into several."
                )
            yield self._checked(record)

    def _checked(self, record: Line) -> Line:
        if record.problem:
            return record
        if any("\0" in cell for cell in record.cells):
            return Line(record.number, problem="The row holds a NUL character: remove it.")
        if len(record.cells) != len(self.header):
            return Line(
                record.number,
                problem=f"The row has {len(record.cells):,} cells and the header "
                f"{len(self.header):,}: check for a missing quote or separator.",
            )
        return record

    def _records(self) -> Iterator[Line]:
        with self._open() as stream:
            reader = csv.reader(self._bounded(stream), delimiter=self.separator, strict=True)
            while True:
                number = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield _unreadable(error, number, reader.line_num)
                    continue
                if any(cell.strip() for cell in cells):
                    yield Line(number, tuple(cells))

    def _bounded(self, stream: TextIO) -> Iterator[str]:
        number = 0
        try:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise SourceRefused(
                        f"Line {number:,} of the manifest has more than {MAX_LINE:,} characters: "
                        f"check its line breaks and quotes."
                    )
                yield line
        except UnicodeError as error:
            raise SourceRefused(
                f"The manifest is not {self.encoding.upper()} text after line {number:,} "
                f"({error.reason if isinstance(error, UnicodeDecodeError) else error}): save it "
                f"as CSV in UTF-8."
            ) from error

    def _open(self) -> TextIO:
        return self.path.open(encoding=self.encoding, newline="")


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SourceRefused(f"{path.name} cannot be read ({error.strerror}).") from error
    if not start:
        raise SourceRefused("The manifest is empty (0 bytes): upload it again.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _separator(stream: TextIO) -> str:
    try:
        first = stream.readline(MAX_LINE)
    except UnicodeError as error:
        raise SourceRefused(
            "The manifest's first line is no UTF-8 text: save it as CSV in UTF-8."
        ) from error
    return max(SEPARATORS, key=lambda separator: _n_columns(first, separator))


def _n_columns(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator)))
    except csv.Error:
        return 0


def _header(record: Line | None) -> tuple[tuple[str, ...], int]:
    """Return the names, each once, and how many had to be numbered."""
    if record is None:
        raise SourceRefused("The manifest has no header: begin it with the names of its columns.")
    if record.problem:
        raise SourceRefused(f"The manifest's header cannot be read. {record.problem}")
    names = [cell.strip().removeprefix("metadata:").strip() for cell in record.cells]
    if len(names) > MAX_COLUMNS:
        raise SourceRefused(
            f"The manifest has {len(names):,} columns, and at most {MAX_COLUMNS} are accepted: "
            f"leave out what is not needed, or check its line breaks."
        )
    for name in names:
        _check_name(name)
    return _told_apart(names)


def _check_name(name: str) -> None:
    if "\0" in name:
        raise SourceRefused(
            "The manifest's header holds NUL characters, as UTF-16 without a byte-order mark does: "
            "save it as CSV in UTF-8."
        )
    if len(name) > MAX_HEADER_NAME:
        raise SourceRefused(
            f"The column name {shown(name)} has {len(name):,} characters, and at most "
            f"{MAX_HEADER_NAME} are accepted: is the header missing?"
        )


def _told_apart(names: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Number what repeats, so that no column hides another: survey, survey (2)."""
    named = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    counts: Counter[str] = Counter()
    apart: list[str] = []
    for name in named:
        unique = name
        while unique in apart or (unique != name and unique in named):
            counts[name] += 1
            unique = f"{name} ({counts[name] + 1})"
        apart.append(unique)
    return tuple(apart), sum(new != old for new, old in zip(apart, names, strict=True))


def _unreadable(error: csv.Error, first: int, last: int) -> Line:
    """Return a bad row, or refuse everything where the rest cannot be told apart any more."""
    if "unexpected end" in str(error) or "field limit" in str(error):
        raise SourceRefused(
            f"A quote in line {first:,} of the manifest is never closed: close it, or double it "
            f"if it belongs to the text."
        ) from error
    where = f"Line {first:,}" if first == last else f"Lines {first:,} to {last:,}"
    return Line(
        first,
        problem=f"{where} cannot be read: a quote stands where none may. Double it inside text.",
    )
