"""What an address asks a catalog page to show, and the addresses that lead on from there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from django.http import QueryDict

from inference.errors import shown
from webapp.explore.columns import Columns
from webapp.explore.matching import NotAPlace, Order, chosen_columns, read_after
from webapp.exports.columns import Column
from webapp.exports.conditions import EMPTY, NOT
from webapp.exports.selection import CONE, Refused, Selection

PICTURES, TABLE, HISTOGRAM, MAP = "pictures", "table", "histogram", "map"
VIEWS = (PICTURES, TABLE, HISTOGRAM, MAP)


@dataclass(frozen=True)
class Asked:
    """A selection and how it is to be shown.

    Attributes:
        chart: the column of the histogram.
        columns: of the table, where they are not the usual ones.
        after: the galaxy to go on from.
    """

    selection: Selection
    order: Order
    view: str = PICTURES
    chart: str = ""
    columns: tuple[str, ...] = ()
    after: int | None = None

    @classmethod
    def sort_out(cls, query: QueryDict, columns: Columns) -> tuple["Asked", list[Refused]]:
        """Read an address; what of it cannot be is returned with the reason."""
        selection, refused = Selection.sort_out(query, columns.catalog)
        asked: Asked = cls(selection, Order())
        for name, read in _READERS.items():
            text = query.get(name, "").strip()
            try:
                asked = read(asked, text, columns) if text else asked
            except NotAPlace as error:
                refused.append(Refused(name, text, str(error)))
        return asked, refused

    def link(self, **changes: str) -> str:
        """Return the address after "?" of the same, with parts put in place of its own.

        The place to go on from is dropped unless it is given: it belongs to one order alone.
        """
        page = {name: text for name, text in self._page.items() if name not in changes}
        pairs = [*self.selection.pairs, *page.items(), *changes.items()]
        return _written([pair for pair in pairs if pair[1] and pair not in _USUAL])

    def without(self, place: int) -> str:
        """Return the address without one of its filters, counted as `selection.pairs` has them."""
        pairs = [pair for number, pair in enumerate(self.selection.pairs) if number != place]
        return _written([*pairs, *self._page.items()])

    def having(self, name: str, text: str) -> str:
        """Return the address with a filter of a column instead of those that it has."""
        pairs = [pair for pair in self.selection.pairs if pair[0] != name]
        return _written([*pairs, *([(name, text)] if text else []), *self._page.items()])

    @property
    def _page(self) -> dict[str, str]:
        """What of the address is not about which galaxies, but about how they are shown."""
        parts = {
            "sort": "" if self.order == Order() else self.order.text,
            "view": "" if self.view == PICTURES else self.view,
            "chart": self.chart,
            "columns": ",".join(self.columns),
        }
        return {name: text for name, text in parts.items() if text}

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """All of it as fields that a form carries along."""
        return [*self.selection.pairs, *self._page.items()]


_USUAL = (("view", PICTURES), ("sort", Order().text))


def _written(pairs: Sequence[tuple[str, str]]) -> str:
    return urlencode(pairs, safe=",:!|", quote_via=quote)


def _sort(asked: Asked, text: str, columns: Columns) -> Asked:
    return replace(asked, order=Order.parse(text, columns))


def _after(asked: Asked, text: str, _columns: Columns) -> Asked:
    return replace(asked, after=read_after(text))


def _view(asked: Asked, text: str, _columns: Columns) -> Asked:
    if text not in VIEWS:
        raise NotAPlace(f"{shown(text)} is no view: choose {', '.join(VIEWS)}.")
    return replace(asked, view=text)


def _chart(asked: Asked, text: str, columns: Columns) -> Asked:
    column = columns.by_name.get(text)
    if column is None or column.kind.is_text:
        raise NotAPlace(f"{shown(text)} is no column of numbers: choose one for the histogram.")
    return replace(asked, chart=text)


def _columns(asked: Asked, text: str, columns: Columns) -> Asked:
    return replace(asked, columns=tuple(chosen_columns(text, columns, ())))


_READERS = {"sort": _sort, "after": _after, "view": _view, "chart": _chart, "columns": _columns}
# Fields of the form that adds a filter; an address never keeps them.
FORM_FIELDS = ("column", "from", "to", "text", "cone_ra", "cone_dec", "cone_radius")


def added(sent: QueryDict, columns: Columns) -> str:
    """Return the address that a form for another filter leads to, good or not.

    A filter of the same column gives way to it.
    """
    kept = [
        (name, text) for name, texts in sent.lists() if name not in FORM_FIELDS for text in texts
    ]
    name, text = _sent_filter(sent, columns)
    if text:
        kept = [(other, value) for other, value in kept if other != name]
        kept.append((name, text))
    return _written([pair for pair in kept if pair[0] != "after" and pair[1]])


def _sent_filter(sent: QueryDict, columns: Columns) -> tuple[str, str]:
    fields = {field: sent.get(field, "").strip() for field in FORM_FIELDS}
    cone = [fields[field] for field in ("cone_ra", "cone_dec", "cone_radius")]
    if any(cone):
        return CONE, ",".join(cone)
    name = fields["column"]
    column = columns.by_name.get(name)
    text, low, high = fields["text"], fields["from"], fields["to"]
    if column is not None and not column.kind.is_text and not (low or high):
        low = high = text  # a number in the other field is still a number
    if low or high:
        return name, low if low == high else f"{low}..{high}"
    return name, text or _known(column)


def _known(column: Column | None) -> str:
    """Return the filter of a column that keeps whatever is known."""
    if column is None:
        return ""
    return NOT + EMPTY if column.kind.is_text else ".."
