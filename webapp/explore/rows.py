"""A page of galaxies as templates show them: pictures with a line, or rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.html import escape
from django.utils.safestring import SafeString

from webapp.explore.asked import Asked
from webapp.explore.columns import Columns
from webapp.explore.matching import Found, Order
from webapp.explore.shelf import Catalog
from webapp.exports.columns import Column, Kind
from webapp.exports.conditions import as_objects
from webapp.exports.positions import iau_names
from webapp.exports.selection import Coded
from webapp.subjects.models import Subject

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Head:
    """The head of a column: its link sorts by it, the other way round the second time."""

    column: Column
    link: str
    sorted: str  # "ascending", "descending" or "" as aria-sort has it

    @property
    def color(self) -> str:
        """Whose word it is."""
        return color(self.column)

    @property
    def is_number(self) -> bool:
        """Say whether its cells are aligned at their ends."""
        return not self.column.kind.is_text


@dataclass(frozen=True)
class Cell:
    """A value as it is written."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class Row:
    """A galaxy and its cells."""

    subject: Subject
    cells: list[Cell]

    @property
    def markup(self) -> SafeString:
        """The cells as those of a table; a template would take long over hundreds of them."""
        kinds = {True: ' class="num"', False: ""}
        return SafeString(
            "".join(f"<td{kinds[one.is_number]}>{escape(one.text)}</td>" for one in self.cells)
        )

    @property
    def line(self) -> str:
        """The cells as the words under a picture."""
        return ", ".join(cell.text for cell in self.cells if cell.text != NONE)


def color(column: Column) -> str:
    """Return the class of whoever says what a column holds; nothing for plain facts."""
    return {"people": "people", "network": "machine", "belief": "belief"}.get(column.group, "")


def heads(asked: Asked, columns: Columns, names: Sequence[str]) -> list[Head]:
    """Return the heads of a table."""
    return [_head(asked, columns.by_name[name]) for name in names]


def _head(asked: Asked, column: Column) -> Head:
    order = asked.order
    is_now = order.column == column.name
    # Numbers are looked at from the highest on, names from the first.
    is_falling = not order.is_falling if is_now else not column.kind.is_text
    way = ("descending" if order.is_falling else "ascending") if is_now else ""
    return Head(column, asked.link(sort=Order(column.name, is_falling).text), way)


def rows(catalog: Catalog, found: Found, names: Sequence[str]) -> list[Row]:
    """Return the galaxies of a page with the values of some columns."""
    ids = [int(one) for one in catalog.array("source_id")[found.rows]]
    subjects = Subject.objects.select_related("subject_set").in_bulk(ids)
    texts = [
        _cells(catalog.columns.by_name[name], _values(catalog, found, name, ids, subjects))
        for name in names
    ]
    return [
        Row(subjects[one], [cells[place] for cells in texts])
        for place, one in enumerate(ids)
        if one in subjects
    ]


def _values(
    catalog: Catalog,
    found: Found,
    name: str,
    ids: Sequence[int],
    subjects: Mapping[int, Subject],
) -> Any:
    if name == "survey_id":
        return as_objects(subjects[one].survey_id if one in subjects else "" for one in ids)
    if name == "iau_name":
        return iau_names(catalog.array("ra")[found.rows], catalog.array("dec")[found.rows])
    values = catalog[name][found.rows]
    return values.texts[values.codes] if isinstance(values, Coded) else values


def _cells(column: Column, values: Any) -> list[Cell]:
    return [Cell(_cell(column, value), not column.kind.is_text) for value in values]


def _cell(column: Column, value: Any) -> str:
    if column.kind is Kind.INSTANT:
        return NONE if np.isnat(value) else str(value)[:16].replace("T", " ")
    if column.kind is Kind.TEXT:
        return str(value) or NONE
    if column.kind.is_float:
        return NONE if np.isnan(value) else _decimal(column, float(value))
    return NONE if int(value) == np.iinfo(np.dtype(str(column.kind))).min else f"{int(value)}"


def _decimal(column: Column, value: float) -> str:
    if column.unit == "deg":
        return f"{value:.5f}"
    return f"{value:.3f}" if column.high == 1 else f"{value:.6g}"
