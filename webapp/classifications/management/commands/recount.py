"""Compare the stored tallies with the votes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.classifications import recount
from webapp.workflows.models import Workflow


class Command(BaseCommand):
    help = "Recompute every tally from the votes and print what differs; fails if anything does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="write what was recomputed")
        parser.add_argument("--campaign", help="slug of a single campaign")

    def handle(self, *args: Any, **options: Any) -> None:
        workflows = Workflow.objects.with_tree()
        if options["campaign"]:
            workflows = workflows.filter(slug=options["campaign"])
            if not workflows:
                raise CommandError(
                    f"There is no campaign {options['campaign']!r}. "
                    f"The slug is the last part of its address."
                )
        n_differences = 0
        for workflow in workflows:
            for difference in recount.differences(workflow, repair=options["repair"]):
                n_differences += 1
                self.stdout.write(f"{workflow.slug}: {difference}")
        if n_differences and not options["repair"]:
            raise CommandError(
                f"{n_differences} stored numbers are not what the votes give. "
                f"Run it again with --repair to write what was recomputed."
            )
        self.stdout.write(f"{n_differences} differences{' repaired' if n_differences else ''}.")
