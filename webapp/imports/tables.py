"""Tables as other programs leave them: marks, an index column, NA, bytes of another encoding."""

import csv
import gzip
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inference.errors import shown
from webapp.common.errors import DomainError

MAX_CELL = 10_000_000  # characters
MOST_OF_NAME = 200  # characters of a galaxy's
Row = dict[str, str]
_MOST_DEPTH = 50  # lists and objects in one another
_NOTHING = ("NA", "nan", "NaN", "null")  # as R, pandas and JSON write an empty cell


class FileRefused(DomainError):
    """The file as a whole is not what it should be."""


class RowRefused(DomainError):
    """A row cannot come in; the others can."""


def rows(path: Path, *, needs: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Yield each row with its number, the first after the header being 1.

    Raises:
        FileRefused: it is no table, or lacks a column.
    """
    with _opened(path) as reader:
        names = _names(reader)
        if missing := [name for name in needs if name not in names]:
            raise FileRefused(
                f"The file has no column {shown(missing[0])}; it has "
                f"{shown(', '.join(names[:20]))}. Choose the export of that kind."
            )
        try:
            for number, cells in enumerate(reader, 1):
                yield number, {name: _cell(cell) for name, cell in zip(names, cells, strict=False)}
        except csv.Error as error:
            raise FileRefused(
                f"The file cannot be read as CSV ({error}): export it again."
            ) from None


def header(path: Path) -> list[str]:
    """Return the names of a file's columns."""
    with _opened(path) as reader:
        return _names(reader)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[list[str]]]:
    csv.field_size_limit(MAX_CELL)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        yield csv.reader((line.replace("\0", "") for line in file), strict=False)


def _names(reader: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(reader, [])]


def _cell(cell: str) -> str:
    text = cell.strip()
    return "" if text in _NOTHING else text


def json_cell(row: Row, name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """Return the object or list in a cell; an empty one for an empty cell.

    Raises:
        RowRefused: it is no JSON of this kind.
    """
    try:
        value = json.loads(
            row.get(name) or ("{}" if kind is dict else "[]"),
            parse_constant=_none,
            parse_float=_finite,
        )
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise RowRefused(
            f"{name} is no JSON {'object' if kind is dict else 'list'}: {shown(row.get(name, ''))}."
        )
    return value


def _none(_name: str) -> None:
    """Read NaN and infinities, which no JSON has, as nothing."""


def _finite(text: str) -> float | None:
    """Read a number that is too large for any as nothing, too."""
    number = float(text)
    return number if math.isfinite(number) else None


def storable(value: Any, *, depth: int = 0) -> Any:
    """Return a JSON value that the database takes: no NUL, no lone surrogates.

    Raises:
        RowRefused: it is nested too deeply.
    """
    if depth > _MOST_DEPTH:
        raise RowRefused(f"The row's JSON is nested more than {_MOST_DEPTH} deep: write it flat.")
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(one, depth=depth + 1) for key, one in value.items()}
    return [storable(one, depth=depth + 1) for one in value] if isinstance(value, list) else value


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
