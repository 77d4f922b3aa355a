"""python -m tests.faults.campaign JSON: make the database of a site, with live campaigns in it."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LATER = datetime(2100, 1, 1, tzinfo=UTC)


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


def make_campaign(slug: str, galaxies: int, votes: int, ingest: str = "", jobs: int = 0) -> None:
    """A live campaign of the three-class tree whose galaxies retire after so many votes.

    Args:
        ingest: a folder of pictures for the jobs.
        jobs: how many ingests and exports wait until a test lets them begin.
    """
    from tests import make  # noqa: PLC0415 - Django is set up

    rule = {"format": 1, "votes": votes, "artifact": None}
    workflow = make.workflow(n_subjects=galaxies, rule=rule)
    workflow.slug = slug
    workflow.save(update_fields=["slug"])
    for number in range(jobs):
        make_jobs(workflow, Path(ingest), make.user(f"owner-{number}"))


def make_jobs(workflow: Any, pictures: Path, owner: Any) -> None:
    """An ingest and an export that nobody claims before LATER."""
    from tests import make  # noqa: PLC0415
    from webapp.exports.services import request_export  # noqa: PLC0415

    ingest = make.batch(pictures, into=make.subject_set())
    export = request_export(workflow=workflow, asked_by=owner, format="csv")
    for job in (ingest, export):
        type(job).objects.filter(pk=job.pk).update(not_before_at=LATER)


if __name__ == "__main__":
    main()
