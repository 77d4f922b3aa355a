"""The one dictionary of columns: what they are called, what they mean, and their values.

Every file, page and service takes its columns from here.
"""

from webapp.exports.column import Column, Kind
from webapp.exports.consistency import Inconsistent, check
from webapp.exports.dictionary import (
    catalog_columns,
    dictionary_json,
    names_csv,
    vote_columns,
)
from webapp.exports.families import QUALITY
from webapp.exports.values import computed

__all__ = [
    "QUALITY",
    "Column",
    "Inconsistent",
    "Kind",
    "catalog_columns",
    "check",
    "computed",
    "dictionary_json",
    "names_csv",
    "vote_columns",
]
