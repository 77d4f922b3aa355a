"""Files of another project, read on this machine."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.common import work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.imports import running, services
from webapp.imports.models import ImportBatch, Kind
from webapp.subjects.models import SubjectSet
from webapp.workflows.models import Workflow

SHOWN_PROBLEMS = 20


class Command(BaseCommand):
    help = (
        "Read a workflow, subject or classification export of Zooniverse. Safe to run again: "
        "nothing comes in twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=Kind.values)
        parser.add_argument("file", type=Path)
        parser.add_argument("--campaign", help="Slug of the campaign that the votes count in.")
        parser.add_argument("--set", help="Slug of the set that the galaxies are in.")
        parser.add_argument("--workflow", default="", help="Only rows of this workflow there.")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"].resolve()
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        try:
            batch = services.start_import(
                kind=options["kind"],
                source=file,
                source_name=file.name,
                workflow=_named(Workflow, options["campaign"], "campaign"),
                subject_set=_named(SubjectSet, options["set"], "set"),
                external_workflow=options["workflow"],
                by=None,
            )
        except DomainError as error:
            raise CommandError(str(error)) from None
        if (claimed := work.claim(batch)) is not None:
            work.run(claimed, running.run_batch)
        batch.refresh_from_db()
        self._tell(batch)

    def _tell(self, batch: ImportBatch) -> None:
        if batch.status == WorkStatus.FAILED:
            raise CommandError(batch.error)
        self.stdout.write(
            f"{batch.n_added:,} rows came in, {batch.n_known:,} were known, "
            f"{batch.n_refused:,} were refused."
        )
        for problem in batch.problems.order_by("row_number")[:SHOWN_PROBLEMS]:
            self.stdout.write(f"  {problem} ({problem.name})")


def _named(model: Any, slug: str | None, what: str) -> Any:
    if not slug:
        return None
    found = model.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no {what} {slug!r}.")
    return found
