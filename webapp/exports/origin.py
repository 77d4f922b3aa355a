"""What files say of where they come from."""

import tomllib
from datetime import datetime
from functools import cache

from django.conf import settings

from webapp.exports import citation
from webapp.exports.models import Release
from webapp.exports.writers import Header
from webapp.workflows.models import Workflow


@cache
def software() -> str:
    """Return name and version of what makes the files."""
    document = (settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8")
    return f"Tuning Fork {tomllib.loads(document)['project']['version']}"


def software_citation() -> str:
    """Return the sentence by which the software is cited, the same as CITATION.cff has it."""
    return (
        f"The Tuning Fork developers. Tuning Fork: a self-hosted Galaxy Zoo, "
        f"version {software().rpartition(' ')[2]} [Computer software]."
    )


def iso(at: datetime) -> str:
    """Return an instant as files write it, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def header_of(workflow: Workflow, at: datetime, table: str) -> Header:
    """Return what a file says that somebody asked for."""
    return Header(
        title=workflow.name,
        date=iso(at),
        software=software(),
        citation=citation.of_moment(workflow, at).sentence,
        publisher=settings.SITE_NAME,
        rights=settings.VOTES_LICENSE_URL,
        contact=settings.CONTACT,
        table=table,
    )


def header_of_release(release: Release, at: datetime, table: str) -> Header:
    """Return what a file of a release says."""
    return Header(
        title=release.title,
        date=iso(at),
        software=release.software,
        release=str(release.number),
        doi=release.doi,
        citation=citation.of_release(release).sentence,
        publisher=settings.SITE_NAME,
        reference_url=citation.place_of(release),
        rights=citation.LICENSES[release.license][1],
        contact=settings.CONTACT,
        table=table,
    )
