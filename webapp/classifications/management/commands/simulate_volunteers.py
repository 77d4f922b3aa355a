"""Let simulated volunteers classify."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.classifications.simulation import simulate
from webapp.consensus.measuring import measure_progress
from webapp.workflows.models import Status, Workflow


class Command(BaseCommand):
    help = "Let simulated volunteers classify; their rows say that they are no people."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", nargs="?", default="hubble-deep-field", help="its slug")
        parser.add_argument("--volunteers", type=int, default=20)
        parser.add_argument("--classifications", type=int, default=2000)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        workflow = Workflow.objects.with_tree().filter(slug=options["campaign"]).first()
        if workflow is None or workflow.status != Status.LIVE:
            raise CommandError(
                f"There is no live campaign {options['campaign']!r}. "
                f"`manage.py load_demo` makes one."
            )
        n_stored = 0
        for n_stored in simulate(
            workflow=workflow,
            n_volunteers=options["volunteers"],
            n_classifications=options["classifications"],
            seed=options["seed"],
        ):
            if n_stored % 250 == 0:
                self.stdout.write(f"{n_stored:,} of {options['classifications']:,}")
        measure_progress(workflow, is_rationed=False)
        self.stdout.write(
            f"{n_stored:,} classifications by {options['volunteers']} simulated volunteers."
        )
