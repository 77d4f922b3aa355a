"""Making a file that somebody asked for: whole or not at all, however often it is begun."""

import math
from datetime import datetime

from django.db import transaction

from inference.formats.atomic import file_sha256, whole_file
from webapp.common import shared, work
from webapp.exports import snapshot
from webapp.exports.contents import Catalog, Votes, instant_of
from webapp.exports.exchange import KINDS, Exchange, lines
from webapp.exports.models import Export, Table
from webapp.exports.origin import header_of
from webapp.exports.writers import open_writer


def write_export(export: Export) -> None:
    """Write the file, give it its name, and say how long and what it is.

    It is one moment's, so it cannot be continued: a worker that takes over begins again.

    Raises:
        DomainError: a filter, a value or a format makes it impossible; nothing is left of it.
    """
    export.pause_at_s = math.inf  # it would only begin again
    _tidy(export)
    with snapshot.one_moment() as moment:
        export.snapshot_at = instant_of(moment)
        if export.table in KINDS:
            _write_foreign(export, KINDS[export.table], moment)
        else:
            _write_own(export, _contents(export, moment), export.snapshot_at)
    export.size_bytes = export.path.stat().st_size
    export.sha256 = file_sha256(export.path)
    shared.hand_over("exports", export.path.name, export.path)
    with transaction.atomic():
        work.hold(export)
        export.save(update_fields=["snapshot_at", "n_rows", "size_bytes", "sha256"])
        work.finish(export)


def _write_own(export: Export, contents: Catalog | Votes, at: datetime) -> None:
    export.n_rows = contents.count()
    writer = open_writer(
        export.format,
        export.path,
        contents.columns,
        header_of(export.workflow, at, export.table),
        export.n_rows,
        galaxy_zoo_names=export.uses_galaxy_zoo_names,
        formula_safe=export.is_formula_safe,
    )
    with writer:
        n_done = 0
        for rows in contents.parts():
            writer.write(rows)
            n_done += len(rows["source_id"])
            _report(export, n_done)


def _write_foreign(export: Export, kind: Exchange, moment: snapshot.Cursor) -> None:
    """Write a file that is as another project's programs expect it, to the letter."""
    export.n_rows = kind.count(moment, export.workflow)
    with whole_file(export.path) as file:
        file.write(lines([kind.header(export.workflow)]))
        n_done = 0
        for rows in kind.rows(moment, export.workflow):
            file.write(lines(rows))
            n_done += len(rows)
            _report(export, n_done)


def _contents(export: Export, moment: snapshot.Cursor) -> Catalog | Votes:
    if export.table == Table.VOTES:
        return Votes(moment, export.workflow)
    return Catalog(moment, export.workflow, export.query, is_debiased=export.is_debiased)


def _report(export: Export, n_done: int) -> None:
    """Tell how far it is, and stop here if it is to stop."""
    work.rest(export)
    with transaction.atomic():
        work.hold(export)
        work.report(export, n_done=n_done, n_total=export.n_rows)


def _tidy(export: Export) -> None:
    """Make the folder, and remove what killed workers have left of this file."""
    export.path.parent.mkdir(parents=True, exist_ok=True)
    for left in export.path.parent.glob(f".{export.path.name}.*"):
        left.unlink(missing_ok=True)
