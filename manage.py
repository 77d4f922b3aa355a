#!/usr/bin/env python
"""Run one of Django's commands for this site; in local mode with the embedded database."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Start the database if none is configured and none runs, then the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    from webapp import embedded  # noqa: PLC0415
    from webapp.cluster import CannotStart  # noqa: PLC0415

    if not os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_URL_FILE"):
        here = Path(__file__).resolve().parent
        try:
            embedded.ensure_running(Path(os.environ.get("VAR_DIR", here / "var")))
        except CannotStart as error:
            sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
