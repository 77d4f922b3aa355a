"""How data are cited: the same words on pages, in files, in the API and in cone searches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from webapp.exports.models import Release
from webapp.workflows.models import Workflow

# What a catalog may be published under: the name, and where its text is.
LICENSES = {
    "CC0-1.0": ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY-4.0": ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "CC-BY-NC-4.0": ("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "ODbL-1.0": ("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
}
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "&%$#_{}"})


@dataclass(frozen=True)
class Citation:
    """What is cited, and everything that a sentence or an entry of a bibliography says of it.

    Attributes:
        version: in words, such as "release 2"; number: for machines, "" where there is none.
        place: where it is found, an address; "" if it is not known.
    """

    key: str
    authors: Sequence[str]
    year: int
    title: str
    version: str
    number: str
    place: str
    doi: str = ""

    @property
    def sentence(self) -> str:
        """The sentence for a list of references."""
        authors, site = "; ".join(self.authors), settings.SITE_NAME
        parts = [f"{authors} ({self.year}). {self.title}, {self.version} [Data set]."]
        parts += [f"{site}."] if authors != site else []
        return " ".join([*parts, self.place]).rstrip()

    @property
    def bibtex(self) -> str:
        """The same for a bibliography."""
        fields = {
            "author": " and ".join(f"{{{name}}}" for name in map(_tex, self.authors)),
            "title": f"{{{_tex(self.title)}}}",
            "year": str(self.year),
            "version": self.number,
            "publisher": f"{{{_tex(settings.SITE_NAME)}}}",
            "doi": self.doi,
            "url": self.place,
        }
        lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
        return "\n".join([f"@misc{{{self.key},", *lines, "}"]) + "\n"


def of_release(release: Release) -> Citation:
    """Return how a release is cited."""
    return Citation(
        key=f"{release.workflow.slug}-{release.number}",
        authors=release.authors,
        year=(release.snapshot_at or release.created_at).year,
        title=release.title,
        version=f"release {release.number}",
        number=str(release.number),
        place=place_of(release),
        doi=release.doi,
    )


def of_moment(workflow: Workflow, at: datetime, address: str = "") -> Citation:
    """Return how that is cited which a campaign's votes say at an instant; it changes with them.

    Args:
        address: of the catalog's page.
    """
    day = at.date().isoformat()
    return Citation(
        key=f"{workflow.slug}-{day}",
        authors=[settings.SITE_NAME],
        year=at.year,
        title=workflow.name,
        version=f"as known on {day}",
        number=day,
        place=address,
    )


def of_site(at: datetime, address: str) -> Citation:
    """Return how an answer is cited that is of no campaign."""
    name = settings.SITE_NAME
    return Citation(name, [name], at.year, "Galaxies", f"asked on {at.date()}", "", address)


def place_of(release: Release) -> str:
    """Return where a release is found: its DOI if it has one, else its page."""
    return f"https://doi.org/{release.doi}" if release.doi else release.address


def _tex(text: str) -> str:
    return text.replace("\\", "").translate(_SPECIAL)


def citation_file(release: Release) -> str:
    """Return CITATION.cff, version 1.2.0; JSON is YAML, so that nothing in a name can break it."""
    lines = [
        "cff-version: 1.2.0",
        "message: Please cite this data set as below.",
        "type: dataset",
        f"title: {json.dumps(release.title)}",
        "authors:",
        *(f"  - name: {json.dumps(name)}" for name in release.authors),
        f"version: {json.dumps(str(release.number))}",
        f"date-released: {(release.snapshot_at or release.created_at).date().isoformat()}",
        f"license: {release.license}",
    ]
    lines += [f"doi: {json.dumps(release.doi)}"] if release.doi else []
    lines += [f"url: {json.dumps(release.address)}"] if release.address else []
    return "\n".join(lines) + "\n"


def datacite(release: Release) -> dict[str, Any]:
    """Return the metadata that a repository such as Zenodo asks for, in DataCite's words (4.5)."""
    name, address = LICENSES[release.license]
    day = (release.snapshot_at or release.created_at).date().isoformat()
    identifiers = [{"identifier": release.doi, "identifierType": "DOI"}] if release.doi else []
    return {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "identifiers": identifiers,
        "creators": [{"name": author} for author in release.authors],
        "titles": [{"title": f"{release.title}, release {release.number}"}],
        "publisher": {"name": settings.SITE_NAME},
        "publicationYear": str(of_release(release).year),
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Catalog of galaxies"},
        "version": str(release.number),
        "dates": [{"date": day, "dateType": "Collected"}],
        "rightsList": [{"rights": name, "rightsUri": address, "rightsIdentifier": release.license}],
        "descriptions": [
            {"description": release.description or release.title, "descriptionType": "Abstract"}
        ],
        "url": release.address,
    }
