"""Prove that no line of the audit log was changed, taken out or slipped in."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.common.audit import ChainBroken, verify_chain


class Command(BaseCommand):
    help = "Compute the audit log's chain of hashes again; fails if a line does not fit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--noted", default="", help="a hash at which the log ended earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = verify_chain(noted=options["noted"])
        except ChainBroken as error:
            raise CommandError(str(error)) from None
        if not head.n_lines:
            self.stdout.write("The audit log is empty.")
            return
        self.stdout.write(f"{head.n_lines:,} lines, each as it was written. Note the last hash:")
        self.stdout.write(head.sha256)
