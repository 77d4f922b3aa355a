"""What goes into a file: the rows of one moment, filtered, checked, some thousands at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.exports import debias, snapshot, votes
from webapp.exports.columns import Column, catalog_columns, check, computed, vote_columns
from webapp.exports.selection import Selection
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import Workflow

Rows = dict[str, NDArray[Any]]


@dataclass
class Catalog:
    """A campaign's catalog at a moment.

    Attributes:
        query: filters, as in an address.
        release: what the column `data_release` says.
    """

    moment: Cursor
    workflow: Workflow
    query: str = ""
    release: str = ""
    is_debiased: bool = False
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        kinds = snapshot.kinds_at(self.moment, self.workflow)
        use = debias.inputs(kinds) if self.is_debiased else None
        self._kept: list[NDArray[np.bool_]] | None = None
        self.columns = catalog_columns(self.workflow.tree.tree, kinds, debiased=use is not None)
        self.selection = Selection.parse(self.query, self.columns)
        self._debiased = None
        if use is not None:
            parts = snapshot.evidence_at(self.moment, self.workflow)
            self._debiased = debias.debiased(debias.gather(parts, use))

    def count(self) -> int:
        """Return how many rows there are; with filters all of them are looked at."""
        if not self.selection.columns:
            self.moment.execute(
                "SELECT count(*) FROM consensus_consensus WHERE workflow_id = %s",
                [self.workflow.pk],
            )
            return int((self.moment.fetchone() or (0,))[0])
        needed = [one for one in self.columns if one.name in self.selection.columns]
        self._kept = [
            self.selection.mask(computed(part, needed, self.release))
            for part in snapshot.evidence_at(self.moment, self.workflow)
        ]
        return int(sum(mask.sum() for mask in self._kept))

    def parts(self) -> Iterator[Rows]:
        """Yield the rows.

        Raises:
            Inconsistent: one contradicts itself; the sentence names it.
        """
        start = 0
        parts = snapshot.evidence_at(self.moment, self.workflow)
        for number, part in enumerate(snapshot.read_ahead(self.moment, parts)):
            places: Any = slice(start, start + len(part))
            rows: Any = slice(None) if self._kept is None else np.flatnonzero(self._kept[number])
            corrected = None if self._debiased is None else self._debiased[places][rows]
            some = part.part(rows)
            table = computed(some, self.columns, self.release, debiased=corrected)
            check(table, self.columns)
            yield table
            start += len(part)


@dataclass
class Votes:
    """A campaign's single votes at a moment."""

    moment: Cursor
    workflow: Workflow
    columns: tuple[Column, ...] = field(default_factory=vote_columns)

    def count(self) -> int:
        """Return how many rows there are."""
        return votes.count_at(self.moment, self.workflow)

    def parts(self) -> Iterator[Rows]:
        """Yield the rows."""
        for table in votes.rows_at(self.moment, self.workflow):
            check(table, self.columns)
            yield table


def instant_of(moment: Cursor) -> datetime:
    """Return when a moment was, by the database's clock."""
    moment.execute("SELECT transaction_timestamp()")
    rows: list[tuple[datetime]] = moment.fetchall()
    return rows[0][0]
