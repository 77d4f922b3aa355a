"""FITS: a binary table, its nulls, units and meanings in keywords that other programs read too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from webapp.exports.column import Column, Kind
from webapp.exports.writers import fits_cards
from webapp.exports.writers.base import Format, Part, Unwritable, Writer
from webapp.exports.writers.fits_cards import BLOCK, Card

_MOST_COLUMNS = 999
_CODES = {
    Kind.INT64: "K",
    Kind.INT32: "J",
    Kind.INT16: "I",
    Kind.FLOAT64: "D",
    Kind.FLOAT32: "E",
}
_PIECE = 2000  # rows that are copied at once: they stay in the processor's cache
_SUMMED = BLOCK * 2000  # bytes that are summed at once
# All but printable ASCII; a blank at the end is no part of a text in FITS.
_NOT_FITS = r"[^\x20-\x7e]| $"


class FitsWriter(Writer):
    """Writes FITS.

    A text's width is that of the longest one, which is known at the end only. Rows are written as
    wide as those before them, and moved apart at the end if longer ones have followed.
    """

    format = Format("fits", "FITS", ".fits", "application/fits", _NOT_FITS)

    def begin(self) -> None:
        """Leave room for the header, whose length does not depend on the widths."""
        if len(self.columns) > _MOST_COLUMNS:
            raise Unwritable(
                f"The table has {len(self.columns):,} columns, and FITS holds at most "
                f"{_MOST_COLUMNS}: choose fewer, or another format, such as Parquet."
            )
        self._widths = [1 if column.kind.is_text else 0 for column in self.columns]
        self._layouts: list[tuple[int, np.dtype[np.void]]] = []
        self._primary = fits_cards.checked(self._primary_cards(), 0)
        self._start = len(self._primary) + len(fits_cards.checked(self._cards(0), 0))
        self.file.write(bytes(self._start))

    def add(self, part: Part) -> None:
        """Write rows."""
        for place, texts in part.texts.items():
            longest = pc.max(pc.binary_length(texts)).as_py()
            self._widths[place] = max(self._widths[place], longest)
        layout = self._layout()
        texts = {place: _padded(part.texts[place], self._widths[place]) for place in part.texts}
        for start in range(0, part.n, _PIECE):
            piece = slice(start, min(start + _PIECE, part.n))
            rows = np.empty(piece.stop - start, layout)
            for place, values in enumerate(part.values):
                rows[f"f{place}"] = texts.get(place, values)[piece]
            self.file.write(rows.data)
        self._layouts.append((part.n, layout))

    def finish(self) -> None:
        """Move rows apart where longer texts have followed, and write the header."""
        layout = self._layout()
        self.file.flush()
        with self._beside.open("rb", buffering=0) as written:
            self._move(written, layout)
            size = self.n_rows * layout.itemsize
            self.file.seek(self._start + size)
            self.file.write(bytes(-size % BLOCK))
            self.file.flush()
            data_sum = _sum(written, self._start)
        self.file.seek(0)
        self.file.write(self._primary)
        self.file.write(fits_cards.checked(self._cards(layout.itemsize), data_sum))
        self.file.seek(0, 2)

    @property
    def _beside(self) -> Path:
        return Path(self.file.name)

    def _layout(self) -> "np.dtype[np.void]":
        fields = [
            (f"f{place}", f"S{width}" if width else np.dtype(column.kind.dtype).newbyteorder(">"))
            for place, (column, width) in enumerate(zip(self.columns, self._widths, strict=True))
        ]
        return np.dtype(fields)

    def _move(self, written: Any, layout: "np.dtype[np.void]") -> None:
        """Write rows again as wide as all are, from the last, so that none is lost."""
        source = self._start + sum(n * narrow.itemsize for n, narrow in self._layouts)
        target = self._start + self.n_rows * layout.itemsize
        for n, narrow in reversed(self._layouts):
            if source == target and narrow == layout:
                return
            for end in range(n, 0, -_PIECE):
                some = end - max(0, end - _PIECE)
                source -= some * narrow.itemsize
                target -= some * layout.itemsize
                written.seek(source)
                rows = np.frombuffer(written.read(some * narrow.itemsize), narrow)
                self.file.seek(target)
                self.file.write(rows.astype(layout).data)
                self.file.flush()

    def _primary_cards(self) -> list[Card]:
        return [
            ("SIMPLE", True, "conforms to the FITS standard"),
            ("BITPIX", 8, ""),
            ("NAXIS", 0, "no image"),
            ("EXTEND", True, "the table follows"),
            *self._origin(),
        ]

    def _cards(self, row_bytes: int) -> list[Card]:
        return [
            ("XTENSION", "BINTABLE", "binary table"),
            ("BITPIX", 8, ""),
            ("NAXIS", 2, ""),
            ("NAXIS1", row_bytes, "bytes of a row"),
            ("NAXIS2", self.n_rows, "rows"),
            ("PCOUNT", 0, ""),
            ("GCOUNT", 1, ""),
            ("TFIELDS", len(self.columns), "columns"),
            *self._column_cards(),
            ("EXTNAME", self.header.table.upper(), ""),
            ("RADESYS", "ICRS", ""),
            ("TIMESYS", "UTC", ""),
            *self._origin(),
        ]

    def _origin(self) -> Iterator[Card]:
        header = self.header
        yield "DATE", header.date.removesuffix("Z"), "when the rows were read, UTC"
        said = (
            ("TITLE", header.title),
            ("CREATOR", header.software),
            ("ORIGIN", header.publisher),
            ("RELEASE", header.release),
            ("DOI", header.doi),
            ("CITATION", header.citation),
            ("REFURL", header.reference_url),
            ("RIGHTS", header.rights),
            ("CONTACT", header.contact),
        )
        yield from ((key, text, "") for key, text in said if text)

    def _column_cards(self) -> Iterator[Card]:
        for place, column in enumerate(self.columns):
            number, width = place + 1, self._widths[place]
            yield f"TTYPE{number}", self.names[place], ""
            yield f"TFORM{number}", f"{width}A" if width else _CODES[column.kind], ""
            if not column.kind.is_text and not column.kind.is_float:
                yield f"TNULL{number}", _least(column), ""
            said = (
                ("TUNIT", column.unit),
                ("TDISP", column.display),
                ("TUCD", column.ucd),
                ("TCOMM", column.description),
            )
            yield from ((f"{key}{number}", text, "") for key, text in said if text)


def _least(column: Column) -> int:
    return int(np.iinfo(column.kind.dtype).min)


def _padded(texts: Any, width: int) -> NDArray[np.bytes_]:
    """Return ASCII texts in fields of one width, filled up with zeros."""
    return np.array(texts.to_numpy(zero_copy_only=False), f"S{width}")


def _sum(written: Any, start: int) -> int:
    """Return the check sum of a file from a place on."""
    written.seek(start)
    total = 0
    while data := written.read(_SUMMED):
        total = fits_cards.ones_complement(total, data)
    return total
