"""What ECSV and astropy's Parquet say of columns: YAML, written as the JSON that it contains."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from webapp.exports.column import Column
from webapp.exports.writers.base import Header


def table_yaml(
    columns: Sequence[Column], names: Sequence[str], header: Header, *, delimiter: str = ""
) -> list[str]:
    """Return the lines of a header."""
    lines = [f"delimiter: {_json(delimiter)}"] if delimiter else []
    lines.append("datatype:")
    lines += [f"- {_column(*pair)}" for pair in zip(names, columns, strict=True)]
    lines.append("meta: !!omap")
    lines += [f"- {_json({name: text})}" for name, text in header.said.items()]
    return lines


def _column(name: str, column: Column) -> str:
    values = {
        "name": name,
        "unit": column.unit,
        "datatype": "string" if column.kind.is_text else str(column.kind),
        "description": column.description,
    }
    said = ", ".join(f"{_json(key)}: {_json(value)}" for key, value in values.items() if value)
    more = ", ".join(_meta(column))
    return f"{{{said}, meta: !!omap [{more}]}}" if more else f"{{{said}}}"


def _meta(column: Column) -> Iterator[str]:
    values = {"ucd": column.ucd, "null": column.null}
    yield from (_json({key: value}) for key, value in values.items() if value)


def _json(value: Any) -> str:
    """Return JSON on one line; what YAML cannot have in it is escaped."""
    return json.dumps(value, ensure_ascii=True)
