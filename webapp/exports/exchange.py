"""Files in other projects' own forms: Panoptes, panoptes_aggregation, Zoobot; all of them CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.exports import panoptes, reductions, zoobot
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import Workflow

Rows = Iterator[Sequence[Sequence[Any]]]  # some lines at a time


@dataclass(frozen=True)
class Exchange:
    """A file in another project's form.

    Attributes:
        header: the names of its columns, of a campaign.
        count: its lines without the header.
        rows: the lines.
    """

    header: Callable[[Workflow], Sequence[str]]
    count: Callable[[Cursor, Workflow], int]
    rows: Callable[[Cursor, Workflow], Rows]


KINDS: Mapping[str, Exchange] = {
    "panoptes": Exchange(
        lambda _: panoptes.CLASSIFICATIONS, panoptes.count_at, panoptes.classifications_at
    ),
    "workflow": Exchange(lambda _: panoptes.WORKFLOWS, panoptes.n_versions, panoptes.workflows_at),
    "reductions": Exchange(reductions.header, reductions.count_at, reductions.rows_at),
    "zoobot": Exchange(zoobot.header, zoobot.count_at, zoobot.rows_at),
}


def lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as CSV: quoted where needed, line feeds, UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
