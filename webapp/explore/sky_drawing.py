"""The sky map's cells as markup.

There are hundreds of them, and a template takes longer over them than everything else of their page
does: six values of each cost it most of half a second. No database here.
"""

from collections.abc import Iterable

from django.utils.formats import get_format
from django.utils.html import escape
from django.utils.safestring import SafeString

from webapp.explore.sky_map import Cell, SkyMap
from webapp.exports.selection import CONE


def paths(drawn: SkyMap, rest: str) -> SafeString:
    """Return the cells as links in an SVG.

    Args:
        rest: the address of the page without a cone.
    """
    before = _before(rest)
    return _whole(_path(cell, before) for cell in drawn.cells)


def _path(cell: Cell, before: str) -> str:
    return (
        f'<a href="{before}{cell.cone.text}" aria-label="{cell.words}"><path class="sky-cell" '
        f'd="{cell.outline}" fill-opacity="{cell.opacity}"><title>{cell.words}</title></path></a>'
    )


def rows(drawn: SkyMap, rest: str) -> SafeString:
    """Return the cells as rows of a table."""
    before, separator = _before(rest), str(get_format("THOUSAND_SEPARATOR"))
    return _whole(
        f'<tr><td><a href="{before}{cell.cone.text}">{cell.ra}</a></td><td>{cell.dec}</td>'
        f'<td class="num">{f"{cell.n:,}".replace(",", separator)}</td></tr>'
        for cell in drawn.cells
    )


def _before(rest: str) -> str:
    """Return what stands before a cell's cone in its address; all else of a cell is numbers."""
    return escape(f"?{rest}&{CONE}=" if rest else f"?{CONE}=")


def _whole(parts: Iterable[str]) -> SafeString:
    return SafeString("".join(parts))
