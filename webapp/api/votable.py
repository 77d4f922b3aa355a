"""VOTables as Simple Cone Search wants them: older words for the columns, errors as INFO."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from numpy.typing import NDArray

from webapp.exports.columns import Column, Kind

MEDIA_TYPE = "text/xml;content=x-votable"
Infos = Iterable[tuple[str, str]]

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
)
_TYPES = {
    Kind.TEXT: 'datatype="unicodeChar" arraysize="*"',
    Kind.INSTANT: 'datatype="char" arraysize="*"',
    Kind.INT64: 'datatype="long"',
    Kind.INT32: 'datatype="int"',
    Kind.INT16: 'datatype="short"',
    Kind.FLOAT64: 'datatype="double"',
    Kind.FLOAT32: 'datatype="float"',
}
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")


def error(sentence: str, infos: Infos) -> str:
    """Return the document that says why there is no table."""
    return (
        f"{_HEAD}{_info('Error', sentence)}"
        f'<RESOURCE type="results">{_info("QUERY_STATUS", "ERROR")}{_infos(infos)}'
        "</RESOURCE>\n</VOTABLE>\n"
    )


def document(
    name: str,
    columns: Sequence[Column],
    fields: str,
    table: Mapping[str, NDArray[Any]],
    infos: Infos,
    *,
    description: str,
    is_cut: bool = False,
) -> str:
    """Return a table with the words around it.

    Args:
        fields: what `fields_of` says of the columns.
        is_cut: there were more rows than these.
    """
    status = "OVERFLOW" if is_cut else "OK"
    parts = [
        _HEAD,
        '<RESOURCE type="results">',
        f"<DESCRIPTION>{text(description)}</DESCRIPTION>\n",
        _infos([("QUERY_STATUS", "OK")]),
        _infos(infos),
        '<COOSYS ID="icrs" system="ICRS"/>\n',
        f"<TABLE name={attribute(name)}>\n",
        fields,
        "<DATA><TABLEDATA>\n",
        *_rows(columns, table),
        "</TABLEDATA></DATA></TABLE>\n",
        _infos([("QUERY_STATUS", status)] if is_cut else []),
        "</RESOURCE>\n</VOTABLE>\n",
    ]
    return "".join(parts)


def fields_of(columns: Sequence[Column]) -> str:
    """Return what stands before the rows; the same for every answer with these columns."""
    return "".join(_field(column) for column in columns)


def text(words: str) -> str:
    """Return words as the content of an element."""
    return escape(words.translate(_FORBIDDEN))


def attribute(words: str) -> str:
    """Return words as the value of an attribute, in quotes."""
    return quoteattr(words.translate(_FORBIDDEN))


def _infos(infos: Infos) -> str:
    return "".join(_info(name, value) for name, value in infos)


def _info(name: str, value: str) -> str:
    return f"<INFO name={attribute(name)} value={attribute(value)}/>\n"


def _field(column: Column) -> str:
    unit = f" unit={attribute(column.unit)}" if column.unit else ""
    ucd = column.ucd1 or column.ucd
    words = f" ucd={attribute(ucd)}" if ucd else ""
    frame = ' ref="icrs"' if column.ucd1.startswith("POS_EQ") else ""
    about = " ".join(filter(None, [column.description, column.null]))
    return (
        f"<FIELD name={attribute(column.name)} {_TYPES[column.kind]}{unit}{words}{frame}>"
        f"<DESCRIPTION>{text(about)}</DESCRIPTION></FIELD>\n"
    )


def _rows(columns: Sequence[Column], table: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    cells = [_cells(column, table[column.name]) for column in columns]
    for row in zip(*cells, strict=True):
        yield f"<TR><TD>{'</TD><TD>'.join(row)}</TD></TR>\n"


def _cells(column: Column, values: NDArray[Any]) -> list[str]:
    if column.kind.is_text:
        return [text(str(value)) for value in values]
    found: list[str] = values.astype(str).tolist()  # of a float the fewest digits that are exact
    return ["NaN" if value == "nan" else value for value in found]
