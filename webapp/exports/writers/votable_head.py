"""What a VOTable says before its rows."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from webapp.exports.column import Column, Kind
from webapp.exports.writers.base import Header

_TYPES = {
    Kind.TEXT: "unicodeChar",
    Kind.INSTANT: "char",
    Kind.INT64: "long",
    Kind.INT32: "int",
    Kind.INT16: "short",
    Kind.FLOAT64: "double",
    Kind.FLOAT32: "float",
}
_SKY, _CLOCK = "sky", "clock"

TAIL = "</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


def document(
    columns: Sequence[Column],
    names: Sequence[str],
    header: Header,
    *,
    n_rows: int,
    widths: Mapping[int, int],
) -> str:
    """Return a whole VOTable without rows, for a file that has them in another form.

    Args:
        widths: characters of the longest text, by place of the column.
    """
    return head(columns, names, header, n_rows=n_rows, widths=widths) + TAIL


def head(
    columns: Sequence[Column],
    names: Sequence[str],
    header: Header,
    *,
    n_rows: int,
    widths: Mapping[int, int] | None = None,
) -> str:
    """Return what stands before the rows."""
    fields = (
        line
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
        for line in _field(name, column, (widths or {}).get(place))
    )
    return "\n".join([*_lines(header, n_rows), *fields, ""])


def least(column: Column) -> int:
    """Return the number that stands for none in a column of whole numbers."""
    return int(np.iinfo(column.kind.dtype).min)


def _lines(header: Header, n_rows: int) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    )
    yield '<RESOURCE type="results">'
    yield '<INFO name="QUERY_STATUS" value="OK"/>'
    for name, text in header.said.items():
        yield f"<INFO name={_attribute(name)} value={_attribute(text)}/>"
    # Behind every INFO, as the schema wants it.
    yield f'<COOSYS ID="{_SKY}" system="ICRS"/>'
    yield f'<TIMESYS ID="{_CLOCK}" timescale="UTC" refposition="TOPOCENTER"/>'
    yield f'<TABLE name={_attribute(header.table)} nrows="{n_rows}">'
    yield f"<DESCRIPTION>{_text(header.title)}</DESCRIPTION>"


def _field(name: str, column: Column, width: int | None) -> Iterator[str]:
    attributes = {
        "name": name,
        "datatype": _TYPES[column.kind],
        "arraysize": str(width or "*") if column.kind.is_text else "",
        "unit": column.unit,
        "ucd": column.ucd,
        "xtype": "timestamp" if column.kind == Kind.INSTANT else "",
        "ref": _system(column),
        **_shown(column),
    }
    said = " ".join(f"{key}={_attribute(text)}" for key, text in attributes.items() if text)
    yield f"<FIELD {said}>"
    yield f"<DESCRIPTION>{_text(column.description)}</DESCRIPTION>"
    if not column.kind.is_text and not column.kind.is_float:
        yield f'<VALUES null="{least(column)}"/>'
    yield "</FIELD>"


def _system(column: Column) -> str:
    if column.kind == Kind.INSTANT:
        return _CLOCK
    return _SKY if column.ucd.startswith("pos.eq") else ""


def _shown(column: Column) -> dict[str, str]:
    """Return width and precision, out of what FITS says as F11.7."""
    width, _, digits = column.display[1:].partition(".")
    if not column.kind.is_float or not digits:
        return {}
    letter = "F" if column.display[0] == "F" else "E"
    return {"width": width, "precision": letter + digits}


def _text(text: str) -> str:
    return escape(_visible(text))


def _attribute(text: str) -> str:
    return quoteattr(_visible(text))


def _visible(text: str) -> str:
    """Return a text of the dictionary or the header in characters that XML has, on one line."""
    return "".join(one if one.isprintable() else " " for one in text)
