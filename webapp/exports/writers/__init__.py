"""Writers of catalog files: one for each format, all along the one dictionary of columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inference.errors import shown
from webapp.exports.column import Column
from webapp.exports.writers.base import Format, Header, Unwritable, Writer
from webapp.exports.writers.fits import FitsWriter
from webapp.exports.writers.parquet import ParquetWriter
from webapp.exports.writers.texts import CsvWriter, EcsvWriter
from webapp.exports.writers.votable import VOTableWriter

__all__ = ["FORMATS", "Format", "Header", "Unwritable", "Writer", "open_writer"]

_WRITERS: Mapping[str, type[Writer]] = {
    one.format.key: one for one in (FitsWriter, VOTableWriter, ParquetWriter, EcsvWriter, CsvWriter)
}
FORMATS: Mapping[str, Format] = {key: one.format for key, one in _WRITERS.items()}


def open_writer(
    format: str,  # noqa: A002  the word that everybody uses
    path: Path,
    columns: Sequence[Column],
    header: Header,
    n_rows: int,
    *,
    galaxy_zoo_names: bool = False,
    formula_safe: bool = True,
) -> Writer:
    """Return the writer of a file that has its name once the `with` block ends well.

    The same rows give the same bytes, in however many parts they come.

    Args:
        n_rows: how many rows will be written, exactly.
        galaxy_zoo_names: call the columns as Galaxy Zoo's own catalogs do.
        formula_safe: in CSV, put an apostrophe before texts that a spreadsheet might run.

    Raises:
        Unwritable: the format is unknown, or cannot hold these columns.
    """
    if format not in _WRITERS:
        raise Unwritable(f"No format is called {shown(format)}. Use {', '.join(_WRITERS)}.")
    return _WRITERS[format](
        path, columns, header, n_rows, galaxy_zoo_names=galaxy_zoo_names, formula_safe=formula_safe
    )
