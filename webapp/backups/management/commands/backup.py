"""Make a backup of the database and the site's files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pyrage
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.backups.making import Made, make_backup
from webapp.backups.removing import remove_old
from webapp.common.errors import DomainError

FIRST = 20  # missing files that are named


class Command(BaseCommand):
    help = "Make a backup of the database and the site's files, of one moment, in a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, help="a folder; BACKUP_DIR if not given")
        parser.add_argument("--keep", type=int, help="then remove all but so many")
        parser.add_argument(
            "--new-key", type=Path, help="make a key in this file, and no backup; - to print it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"]:
            self._make_key(options["new_key"])
            return
        folder = options["to"] or settings.BACKUP_DIR
        keep = options["keep"]
        if not folder:
            raise CommandError("Where to? Name a folder with --to, or set BACKUP_DIR.")
        if keep is not None and keep < 1:
            raise CommandError(f"--keep {keep} would leave no backup: keep at least 1.")
        try:
            made = make_backup(Path(folder), key=settings.BACKUP_KEY)
            self._say(made)
            if keep:
                n = remove_old(Path(folder), keep=keep, key=settings.BACKUP_KEY)
                self.stdout.write(f"{n} old ones removed.")
        except DomainError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(
                f"The backup could not be written ({error}): make space or correct the rights."
            ) from None

    def _say(self, made: Made) -> None:
        for name in made.missing[:FIRST]:
            self.stderr.write(f"{name} is named by a row, and is missing or damaged.")
        missing = f", {len(made.missing):,} missing" if made.missing else ""
        hint = "" if settings.BACKUP_KEY else " It is not encrypted: BACKUP_KEY_FILE is not set."
        self.stdout.write(
            f"{made.path}: {made.n_rows:,} rows, {made.n_files:,} files{missing}.{hint}"
        )

    def _make_key(self, path: Path) -> None:
        key = str(pyrage.x25519.Identity.generate())
        if str(path) == "-":
            self.stdout.write(key)
            return
        try:
            with path.open("x", encoding="ascii") as file:
                path.chmod(0o600)
                file.write(f"{key}\n")
        except OSError as error:
            raise CommandError(f"{path} cannot be written ({error.strerror}).") from None
        self.stdout.write(f"{path}: keep a copy elsewhere; without it no backup can be opened.")
