"""Columns of editions in this process's memory, and the catalog that pages read.

A column is read from the database when a page first needs it. An edition's columns go when it is
replaced, or when others have been needed more lately.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import numpy as np
from django.conf import settings
from django.db import OperationalError, connection, transaction
from numpy.typing import NDArray
from psycopg import errors as postgres

from webapp.common.errors import DomainError
from webapp.explore.columns import Columns, columns_of
from webapp.explore.models import Edition
from webapp.explore.stored import Packed, Values
from webapp.exports.selection import Coded
from webapp.workflows.models import TreeVersion

MOST_BYTES = 200_000_000  # of arrays a process keeps
_TEXT_BYTES = 80  # of a text and its place, about


class TooSlow(DomainError):
    """The database did not answer in time; with fewer filters, or later, it may."""


class Replaced(Exception):
    """The edition was replaced by a newer one while it was read."""


@dataclass(frozen=True)
class _Key:
    workflow_id: int
    number: int
    name: str


class _Shelf:
    """Arrays by edition and column, the least lately needed ones given away first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[_Key, Values] = OrderedDict()
        self._n_bytes = 0

    def get(self, key: _Key) -> Values | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: _Key, values: Values) -> None:
        with self._lock:
            outdated = [
                one
                for one in self._kept
                if one.workflow_id == key.workflow_id and one.number < key.number
            ]
            for one in (key, *outdated):
                self._drop(one)
            self._kept[key] = values
            self._n_bytes += _size(values)
            while self._n_bytes > MOST_BYTES and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        gone = self._kept.pop(key, None)
        self._n_bytes -= 0 if gone is None else _size(gone)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._n_bytes = 0


_shelf = _Shelf()


def forget() -> None:
    """Give all columns away."""
    _shelf.clear()


def _size(values: Values) -> int:
    if isinstance(values, Coded):
        return int(values.codes.nbytes + _TEXT_BYTES * len(values.texts))
    return int(values.nbytes)


class Catalog(Mapping[str, Any]):
    """A campaign's catalog as it was at an instant: its columns by name, each read when needed."""

    def __init__(self, edition: Edition) -> None:
        tree = TreeVersion.objects.known(cast("int", edition.tree_id)).tree
        self.edition = edition
        self.tree = tree
        self.columns: Columns = columns_of(
            tree, tuple(sorted(edition.metadata.items())), debiased=edition.is_debiased
        )

    def __getitem__(self, name: str) -> Values:
        """Return a column.

        Raises:
            Replaced: it is no longer there.
            KeyError: there is no such column.
        """
        found = _shelf.get(self._key(name))
        if found is not None:
            return found
        recipe = self.columns.recipes.get(name)
        if recipe is None:
            return self._read([name])[name]
        found = recipe.values({one: self[one] for one in recipe.needs})
        _shelf.put(self._key(name), found)
        return found

    def load(self, names: Iterable[str]) -> None:
        """Read what some columns are made of and is not here yet, in one statement.

        Raises:
            Replaced: they are no longer there.
        """
        wanted = {one for name in names for one in self._stored(name)}
        missing = [name for name in sorted(wanted) if _shelf.get(self._key(name)) is None]
        if missing:
            self._read(missing)

    def _read(self, names: list[str]) -> dict[str, Values]:
        kinds = {name: self.columns.by_name[name].kind for name in names}
        # Binary, for as text every byte would come as two digits.
        connection.ensure_connection()
        with connection.connection.cursor(binary=True) as cursor:
            cursor.execute(_READ, [self.edition.workflow_id, self.edition.number, names])
            packed = [Packed(*row) for row in cursor.fetchall()]
        if len(packed) < len(names):
            raise Replaced
        found = {one.name: one.unpacked(kinds[one.name]) for one in packed}
        for name, values in found.items():
            _shelf.put(self._key(name), values)
        return found

    def _stored(self, name: str) -> Iterator[str]:
        recipe = self.columns.recipes.get(name)
        if recipe is None:
            yield name
        else:
            for one in recipe.needs:
                yield from self._stored(one)

    def _key(self, name: str) -> _Key:
        return _Key(self.edition.workflow_id, self.edition.number, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns.by_name)

    def __len__(self) -> int:
        return len(self.columns.by_name)

    def array(self, name: str) -> NDArray[Any]:
        """Return a column of numbers or instants."""
        return cast("NDArray[Any]", self[name])

    def texts(self, name: str) -> Coded:
        """Return a column of texts."""
        return cast("Coded", self[name])

    @property
    def n_rows(self) -> int:
        """How many galaxies it has."""
        return self.edition.n_rows

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column as numbers in its order: unknown ones are NaN, and texts have ranks."""
        values = self[name]
        if isinstance(values, Coded):
            return _ranks(values)
        if values.dtype.kind == "M":
            return np.where(np.isnat(values), np.nan, values.view(np.int64).astype(float))
        if values.dtype.kind == "i":
            least = np.iinfo(values.dtype).min
            return np.where(values == least, np.nan, values.astype(float))
        return values


def _ranks(values: Coded) -> NDArray[np.float64]:
    """Return places in the alphabet; an empty text has none."""
    texts = values.texts.tolist()
    ranks = np.empty(len(texts), np.float64)
    ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    if "" in texts:
        ranks[texts.index("")] = np.nan
    return ranks[values.codes] if texts else np.zeros(0)


_READ = """
    SELECT name, dtype, values, texts FROM explore_editioncolumn
    WHERE workflow_id = %s AND number = %s AND name = ANY(%s)
"""


def catalog_of(workflow_id: int) -> Catalog | None:
    """Return the newest whole copy of a campaign's catalog; None before there is one."""
    edition = Edition.objects.filter(workflow=workflow_id, number__gt=0).first()
    return Catalog(edition) if edition else None


@contextmanager
def in_time() -> Iterator[None]:
    """Let no statement within take longer than a page may.

    Raises:
        TooSlow: one did.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{settings.CATALOG_TIMEOUT_S}s'")
            yield
    except OperationalError as error:
        if not isinstance(error.__cause__, postgres.QueryCanceled):
            raise
        raise TooSlow(_SLOW) from error
    except postgres.QueryCanceled as error:
        raise TooSlow(_SLOW) from error


_SLOW = (
    "The database did not answer in time, so nothing is shown. Try again in a minute, or with "
    "fewer filters."
)
