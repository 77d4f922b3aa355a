"""python -m tests.faults.campaign JSON: make the database of a site, with live campaigns in it."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Migrate, and make a campaign of each {"slug", "galaxies", "votes"}."""
    from webapp import embedded  # noqa: PLC0415 - VAR_DIR is read when it is called

    var = Path(os.environ["VAR_DIR"])
    embedded.ensure_running(var)
    import django  # noqa: PLC0415 - the first start decides where the socket is

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    for given in json.loads(sys.argv[1]):
        make_campaign(**given)
    (var / "demo-loaded").touch()  # the supervisor shall make no campaign of its own


def make_campaign(slug: str, galaxies: int, votes: int) -> Any:
    """A live campaign of the three-class tree whose galaxies retire after so many votes."""
    from tests import make  # noqa: PLC0415 - Django is set up

    rule = {"format": 1, "votes": votes, "artifact": None}
    workflow = make.workflow(n_subjects=galaxies, rule=rule)
    workflow.slug = slug
    workflow.save(update_fields=["slug"])
    return workflow


if __name__ == "__main__":
    main()
