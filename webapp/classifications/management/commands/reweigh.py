"""Weigh the volunteers anew, and every vote by its volunteer's weight."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.classifications import reweigh
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.workflows.models import Workflow


class Command(BaseCommand):
    help = "Estimate every volunteer's skill from all answers, count again, print what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campaign", help="slug of a single campaign")

    def handle(self, *args: Any, **options: Any) -> None:
        workflows = Workflow.objects.with_tree().order_by("pk")
        if options["campaign"]:
            workflows = workflows.filter(slug=options["campaign"])
            if not workflows:
                raise CommandError(
                    f"There is no campaign {options['campaign']!r}. "
                    f"The slug is the last part of its address."
                )
        for workflow in workflows:
            self._reweigh(workflow)

    def _reweigh(self, workflow: Workflow) -> None:
        row = work.claim(reweigh.start_reweighing(workflow=workflow))
        if row is None:
            raise CommandError(
                f"A worker is weighing {workflow.slug} at this moment. Try again in a minute."
            )
        work.run(row, reweigh.run_reweighing)
        row.refresh_from_db()
        if row.status != WorkStatus.DONE:
            raise CommandError(f"{workflow.slug}: {row.error}")
        self.stdout.write(
            f"{workflow.slug}: {row.n_volunteers:,} volunteers, {row.n_changed:,} with another "
            f"weight, {row.n_suspects:,} to be looked at; {row.n_recounted:,} galaxies counted "
            f"again, {row.n_retired:,} retired, {row.n_reopened:,} opened again."
        )
