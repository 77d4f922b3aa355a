"""VOTable 1.4: readable text for small tables, packed binary for large ones."""

import base64
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from webapp.exports.column import Column, Kind
from webapp.exports.writers import votable_head
from webapp.exports.writers.base import Format, Part, Writer

SMALL = 1_000  # rows; up to here people may want to read it
_PIECE = 2_000  # rows that are packed at once
# Characters that XML does not have, and those that its readers change: returns, blanks around.
_NOT_READABLE = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|^\s|\s$"


class VOTableWriter(Writer):
    """Writes BINARY2, or TABLEDATA if the table is small and all its texts can be XML."""

    format = Format("votable", "VOTable", ".vot", "application/x-votable+xml")

    def begin(self) -> None:
        """Write the fields."""
        head = votable_head.head(self.columns, self.names, self.header, n_rows=self.n_rows)
        self.file.write((head + "<DATA>\n").encode())
        self._is_small = self.n_rows <= SMALL
        self._waiting: list[Part] = []
        self._left = b""  # bytes that do not fill a group of three yet
        if not self._is_small:
            self.file.write(_BINARY_START)

    def add(self, part: Part) -> None:
        """Write rows."""
        if self._is_small:
            self._waiting.append(part)
        else:
            self._add_binary(part)

    def finish(self) -> None:
        """Write what has waited, and close what is open."""
        if self._is_small and all(map(_is_readable, self._waiting)):
            rows = "".join(_table_data(self.columns, part) for part in self._waiting)
            self.file.write(f"<TABLEDATA>\n{rows}</TABLEDATA>\n".encode())
        else:
            if self._is_small:
                self.file.write(_BINARY_START)
            for part in self._waiting:
                self._add_binary(part)
            self.file.write(base64.b64encode(self._left) + _BINARY_END)
        self.file.write(("</DATA>\n" + votable_head.TAIL).encode())

    def _add_binary(self, part: Part) -> None:
        for piece in part.pieces(_PIECE):
            data = self._left + binary2(self.columns, piece)
            whole = len(data) // 3 * 3
            self.file.write(base64.b64encode(data[:whole]))
            self._left = data[whole:]


_BINARY_START = b'<BINARY2>\n<STREAM encoding="base64">'
_BINARY_END = b"</STREAM>\n</BINARY2>\n"


def _is_readable(part: Part) -> bool:
    return not any(
        pc.any(pc.match_substring_regex(texts, _NOT_READABLE)).as_py()
        for texts in part.texts.values()
    )


def _table_data(columns: Sequence[Column], part: Part) -> str:
    cells = [_cells(column, part, place) for place, column in enumerate(columns)]
    rows = ("".join(f"<TD>{cell}</TD>" for cell in row) for row in zip(*cells, strict=True))
    return "".join(f"<TR>{row}</TR>\n" for row in rows)


def _cells(column: Column, part: Part, place: int) -> list[str]:
    if column.kind.is_text:
        return [escape(text) for text in part.texts[place].to_pylist()]
    values = part.values[place]
    texts: list[str] = pa.array(values).cast(pa.string()).to_pylist()
    if not column.kind.is_float:
        return texts
    return [
        "" if is_unknown else text for is_unknown, text in zip(np.isnan(values), texts, strict=True)
    ]


def binary2(columns: Sequence[Column], part: Part) -> bytes:
    """Return rows as BINARY2: which values are null, then all values, the highest byte first."""
    flags = np.packbits(_nulls(columns, part), axis=1)
    pieces = [_fixed(flags.view(f"V{flags.shape[1]}"))]
    for is_text, group in groupby(enumerate(columns), key=lambda one: one[1].kind.is_text):
        if is_text:
            for place, column in group:
                pieces += _counted(column, part.texts[place])
        else:
            pieces.append(_fixed(_records([part.values[place] for place, _ in group])))
    rows = pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))
    _, _, data = rows.buffers()
    return bytes(data)


def _nulls(columns: Sequence[Column], part: Part) -> NDArray[np.bool_]:
    found = np.zeros((part.n, len(columns)), bool)
    # Not with out=: NumPy 2.4 gets isnan wrong where the output has gaps.
    for place, column in enumerate(columns):
        if column.kind.is_float:
            found[:, place] = np.isnan(part.values[place])
        elif not column.kind.is_text:
            found[:, place] = part.values[place] == votable_head.least(column)
    return found


def _records(values: Sequence[NDArray[Any]]) -> NDArray[np.void]:
    """Return columns of numbers as packed rows, the highest byte first."""
    found = np.empty(
        len(values[0]),
        [(f"f{place}", one.dtype.newbyteorder(">")) for place, one in enumerate(values)],
    )
    for place, one in enumerate(values):
        found[f"f{place}"] = one
    return found


def _fixed(rows: NDArray[np.void]) -> Any:
    """Return packed rows as an Arrow array of bytes."""
    width, n = rows.dtype.itemsize, len(rows)
    kind = pa.binary(width)
    buffers = [None, pa.py_buffer(np.ascontiguousarray(rows))]
    return pa.Array.from_buffers(kind, n, buffers).cast(pa.binary())


def _counted(column: Column, texts: Any) -> Iterator[Any]:
    """Yield how many characters each text has, and the characters."""
    if column.kind == Kind.INSTANT:
        codes, per_character = texts.cast(pa.binary()), 1
    else:
        utf_16 = [text.encode("utf-16-be") for text in texts.to_pylist()]
        codes, per_character = pa.array(utf_16, pa.binary()), 2
    lengths = pc.binary_length(codes).to_numpy() // per_character
    yield _fixed(lengths.astype(">i4").view("V4"))
    yield codes
