"""Restore a backup into an empty site."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.backups.restoring import restore
from webapp.common.errors import DomainError


class Command(BaseCommand):
    help = "Restore a backup into an empty site; everything is proven before anything is touched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, help="the backup's folder")
        parser.add_argument(
            "--migrate", action="store_true", help="take one of an older version, and upgrade it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = restore(
                options["backup"].absolute(),
                key=settings.BACKUP_KEY,
                may_migrate=options["migrate"],
            )
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{found.n_rows:,} rows of {found.n_tables} tables are as they were, all migrations "
            f"have run, the tallies are what the votes give, and the audit log is whole."
        )
        if found.missing:
            self.stdout.write(f"{len(found.missing):,} files were missing when it was made.")
