"""Files of a campaign for other tools."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.common.errors import DomainError
from webapp.exports.exchange import KINDS
from webapp.workflows.models import Workflow


class Command(BaseCommand):
    help = "Write a campaign's votes in the form of another tool; see docs/exchange.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", help="Slug of the campaign.")
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        workflow = Workflow.objects.with_tree().filter(slug=options["campaign"]).first()
        if workflow is None:
            raise CommandError(f"There is no campaign {options['campaign']!r}.")
        try:
            n_rows = KINDS[options["kind"]].write(workflow, options["file"].resolve())
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{n_rows:,} rows in {options['file']}.")
