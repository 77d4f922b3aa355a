"""Files for the tools that people already use, each of one moment and written as it is read."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.formats.atomic import whole_file
from webapp.exports import panoptes, snapshot, tallies
from webapp.exports.snapshot import Cursor
from webapp.workflows.models import Workflow


@dataclass(frozen=True)
class Exchange:
    """A kind of file: what it is called, its columns and its rows."""

    key: str
    name: str
    columns: Callable[[Workflow], tuple[str, ...]]
    rows: Callable[[Cursor, Workflow], Iterator[tuple[Any, ...]]]

    def write(self, workflow: Workflow, path: Path) -> int:
        """Write the file, whole or not at all, and return how many rows it has.

        Raises:
            StillCounting: the campaign's tree has changed just now.
        """
        n_rows = 0
        with snapshot.one_moment() as moment, whole_file(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(self.columns(workflow))
            for row in self.rows(moment, workflow):
                writer.writerow(row)
                n_rows += 1
            text.flush()
            text.detach()
        return n_rows


_ALL = (
    Exchange(
        "panoptes-classifications",
        "Panoptes classification export",
        lambda _workflow: panoptes.CLASSIFICATIONS,
        panoptes.classifications,
    ),
    Exchange(
        "panoptes-workflows",
        "Panoptes workflow export",
        lambda _workflow: panoptes.WORKFLOWS,
        panoptes.workflows,
    ),
    Exchange(
        "reductions",
        "reductions of panoptes_aggregation",
        tallies.reduction_columns,
        tallies.reductions,
    ),
    Exchange("zoobot", "training catalog of Zoobot", tallies.training_columns, tallies.training),
    Exchange("decals", "catalog like Galaxy Zoo DECaLS", tallies.catalog_columns, tallies.catalog),
)
KINDS: Mapping[str, Exchange] = {one.key: one for one in _ALL}
