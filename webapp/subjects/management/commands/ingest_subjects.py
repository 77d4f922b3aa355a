"""Galaxies from a folder, a ZIP file or a manifest on this machine, with progress lines."""

import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.subjects import ingest, queries, services
from webapp.subjects.models import IngestBatch, SourceKind, SubjectSet

SHOWN_PROBLEMS = 50
LINE_EVERY_S = 5.0
KINDS = {".zip": SourceKind.ZIP, ".csv": SourceKind.MANIFEST, ".tsv": SourceKind.MANIFEST}


class Command(BaseCommand):
    help = (
        "Add the galaxies of a folder, ZIP file or CSV manifest to a set. Safe to run again after "
        "an interruption: it goes on where it stopped, and adds nothing twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("set", help="Slug of the set; see the last part of its address.")
        parser.add_argument("source", type=Path, help="Folder, .zip, or .csv manifest.")
        parser.add_argument("--pictures", type=Path, help="Folder or ZIP of a manifest's pictures.")
        parser.add_argument("--dry-run", action="store_true", help="Look at all rows, store none.")
        parser.add_argument(
            "--keep-good-rows", action="store_true", help="Import good rows in spite of bad ones."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        batch = self._batch(options)
        claimed = work.claim(batch)
        if claimed is None:
            raise CommandError(
                f"A worker is at {batch.source_name} already; watch it at /sets/{options['set']}/."
            )
        self._run(claimed)
        batch.refresh_from_db()
        self._tell(batch)

    def _batch(self, options: dict[str, Any]) -> IngestBatch:
        subject_set = SubjectSet.objects.filter(slug=options["set"]).first()
        if subject_set is None:
            there = ", ".join(SubjectSet.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no set {options['set']!r}; there are: {there}.")
        source: Path = options["source"].resolve()
        pictures: Path | None = options["pictures"]
        wanted: dict[str, Any] = {
            "subject_set": subject_set,
            "kind": _kind(source),
            "source": source,
            "picture_folder": pictures.resolve() if pictures else None,
            "is_dry_run": options["dry_run"],
            "keeps_good_rows": options["keep_good_rows"],
        }
        if unfinished := queries.unfinished_batch(**wanted):
            self.stdout.write(f"Going on after {unfinished.n_done:,} rows.")
            work.retry(unfinished)
            return unfinished
        return services.start_batch(**wanted, source_name=source.name, actor=None)

    def _run(self, batch: IngestBatch) -> None:
        stop = threading.Event()
        reporter = threading.Thread(target=self._report, args=(batch, stop), daemon=True)
        reporter.start()
        try:
            work.run(batch, ingest.run_batch)
        except KeyboardInterrupt:
            work.cancel(batch)
            raise CommandError(
                f"Stopped after {batch.n_done:,} rows; run the same command again to go on."
            ) from None
        finally:
            stop.set()
            reporter.join()

    def _report(self, batch: IngestBatch, stop: threading.Event) -> None:
        """Print what the worker's own copy of the row says, which needs no second connection."""
        started, n_before = time.monotonic(), batch.n_done
        while not stop.wait(LINE_EVERY_S):
            rate = max(0, batch.n_done - n_before) / (time.monotonic() - started)
            self.stdout.write(
                f"{batch.get_phase_display()}: {batch.n_done:,}/{batch.n_total or 0:,} rows, "
                f"{batch.n_added:,} new, {batch.n_bad:,} bad, {rate:,.0f} rows/s"
            )

    def _tell(self, batch: IngestBatch) -> None:
        for note in batch.notes:
            self.stdout.write(note)
        for problem in batch.problems.order_by("row_number")[:SHOWN_PROBLEMS]:
            self.stderr.write(f"{problem.row_number:>8}  {problem.name}  {problem.reason}")
        if batch.n_bad > SHOWN_PROBLEMS:
            self.stderr.write(f"… and {batch.n_bad - SHOWN_PROBLEMS:,} more bad rows.")
        if batch.status != WorkStatus.DONE:
            raise CommandError(batch.error or f"The ingest is {batch.get_status_display()}.")
        words = _outcome(batch)
        if batch.n_bad:
            raise CommandError(words)
        self.stdout.write(self.style.SUCCESS(words))


def _kind(source: Path) -> SourceKind:
    if source.is_dir():
        return SourceKind.FOLDER
    if not source.is_file():
        raise CommandError(f"There is no {source}: check the path.")
    try:
        return KINDS[source.suffix.lower()]
    except KeyError:
        raise CommandError(
            f"{source.name} is no folder, .zip or .csv: rename it, or convert it."
        ) from None


def _outcome(batch: IngestBatch) -> str:
    counts = f"{batch.n_known:,} known already, {batch.n_bad:,} bad"
    if batch.is_checked:
        remedy = "" if batch.is_dry_run else " Correct them, or use --keep-good-rows."
        return f"Nothing was stored: {batch.n_good:,} rows are good, {counts}.{remedy}"
    return f"{batch.n_added:,} galaxies are new, {counts}."
