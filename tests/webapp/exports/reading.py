"""What other people's software reads out of the files that we write."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from webapp.exports.column import Column


def read_back(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Return the columns of a file by their names in it, "" and NaN where there is nothing."""
    if path.suffix == ".csv":
        return _csv(path, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table.read(path, **_OPTIONS[path.suffix])
    return {
        name: _plain(table[name], column)
        for name, column in zip(table.colnames, columns, strict=True)
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    ".fits": {"format": "fits", "mask_invalid": False},
    ".vot": {"format": "votable"},
    ".parquet": {"format": "parquet"},
    ".ecsv": {"format": "ascii.ecsv"},
}


def _plain(values, column: Column) -> np.ndarray:
    if column.kind.is_text:
        filled = values.filled("") if hasattr(values, "filled") else values
        return np.array([_text(one) for one in filled], object)
    data = np.ma.asarray(values)
    return np.asarray(data.filled(np.nan) if column.kind.is_float else data.data)


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _csv(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file, strict=True)
    found = {}
    for name, cells, column in zip(names, zip(*rows, strict=True), columns, strict=True):
        known = ["nan" if column.kind.is_float and not cell else cell for cell in cells]
        found[name] = np.array(known, object).astype(column.kind.dtype)
    return found
