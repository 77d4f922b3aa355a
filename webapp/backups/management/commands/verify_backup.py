"""Try whether a backup can be restored."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.backups.drilling import try_backup
from webapp.backups.folder import backups_in
from webapp.common.errors import DomainError


class Command(BaseCommand):
    help = "Restore a backup into a database of its own, compare everything, and throw it away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "backup", type=Path, nargs="?", help="its folder; the newest of BACKUP_DIR if not given"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["backup"] or _newest()
        try:
            drill = try_backup(path.absolute(), key=settings.BACKUP_KEY)
        except DomainError as error:
            raise CommandError(str(error)) from None
        if not drill.is_good:
            raise CommandError(drill.words)
        self.stdout.write(f"{path.name} can be restored ({drill.seconds:.0f} s): {drill.words}")


def _newest() -> Path:
    if not settings.BACKUP_DIR:
        raise CommandError("Which one? Name its folder, or set BACKUP_DIR.")
    found = backups_in(Path(settings.BACKUP_DIR))
    if not found:
        raise CommandError(f"There is no backup in {settings.BACKUP_DIR}: make one with `backup`.")
    return found[-1]
