"""How a release wants to be cited: the same words on its page, in its files and in the API."""

import json
from typing import Any

from django.conf import settings

from webapp.exports.models import Release

# What a catalog may be published under: the name, and where its text is.
LICENSES = {
    "CC0-1.0": ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY-4.0": ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "CC-BY-NC-4.0": ("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "ODbL-1.0": ("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
}
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "&%$#_{}"})


def place_of(release: Release) -> str:
    """Return where a release is found: its DOI if it has one, else its page."""
    return f"https://doi.org/{release.doi}" if release.doi else release.address


def year_of(release: Release) -> int:
    """Return the year in which its rows were read."""
    return (release.snapshot_at or release.created_at).year


def citation(release: Release) -> str:
    """Return the sentence by which a release is cited."""
    authors = "; ".join(release.authors)
    return (
        f"{authors} ({year_of(release)}). {release.title}, release {release.number} [Data set]. "
        f"{settings.SITE_NAME}. {place_of(release)}"
    )


def bibtex(release: Release) -> str:
    """Return the same for a bibliography."""
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in map(_tex, release.authors)),
        "title": f"{{{_tex(release.title)}}}",
        "year": str(year_of(release)),
        "version": str(release.number),
        "publisher": f"{{{_tex(settings.SITE_NAME)}}}",
        "doi": release.doi,
        "url": place_of(release),
    }
    key = f"{release.workflow.slug}-{release.number}"
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n"


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
        "publicationYear": str(year_of(release)),
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Catalog of galaxies"},
        "version": str(release.number),
        "dates": [{"date": day, "dateType": "Collected"}],
        "rightsList": [{"rights": name, "rightsUri": address, "rightsIdentifier": release.license}],
        "descriptions": [
            {"description": release.description or release.title, "descriptionType": "Abstract"}
        ],
        "url": release.address,
    }
