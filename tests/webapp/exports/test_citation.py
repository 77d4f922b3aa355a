"""Data and software are cited in the same words wherever somebody looks."""

import html
import io
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from astropy.io.votable import parse
from astropy.table import Table
from django.conf import settings
from ruamel.yaml import YAML

from webapp.explore import editions, shelf
from webapp.exports import citation, services
from webapp.exports.origin import software, software_citation
from webapp.exports.tasks import run_exports
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db
GIVEN: dict[str, Any] = {"title": "Shapes", "authors": ["Rubin, Vera", "Ω"], "license": "CC0-1.0"}


def cff(path):
    """Return a citation file after the schema of its format, 1.2.0, has found nothing."""
    check = ["--builtin-schema", "vendor.citation-file-format", path]
    run = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *check],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    return YAML(typ="base").load(path.read_text())  # all texts, as dates and versions are there


def test_the_software_is_what_its_citation_file_says():
    said = cff(Path(settings.BASE_DIR, "CITATION.cff"))
    project = tomllib.loads(Path(settings.BASE_DIR, "pyproject.toml").read_text())["project"]
    assert (said["version"], said["license"]) == (project["version"], project["license"])
    assert software() == f"Tuning Fork {said['version']}"
    authors = "; ".join(author["name"] for author in said["authors"])
    assert software_citation() == (
        f"{authors}. {said['title']}, version {said['version']} [Computer software]."
    )


@pytest.mark.parametrize("doi", ["", "10.5281/zenodo.123"])
def test_a_release_has_a_citation_file_that_is_valid(campaign, alice, doi):
    release = services.make_release(
        workflow=campaign, by=alice, doi=doi, address="https://x.org/{number}/", **GIVEN
    )
    run_exports()
    release.refresh_from_db()
    said = cff(release.folder / "CITATION.cff")
    assert said.get("doi", "") == doi
    assert said["url"] == "https://x.org/1/"


def test_the_catalog_of_the_day_is_cited_alike_on_page_in_search_and_in_a_file(
    campaign, alice, client
):
    Subject.objects.filter(survey_id__gt="").update(ra_deg=10.0, dec_deg=-5.0)
    editions.refresh_editions(deadline_s=float("inf"))
    shelf.forget()
    page = html.unescape(client.get(f"/catalog/{campaign.slug}/").content.decode())
    answer = client.get(f"/cone/{campaign.slug}?RA=10&DEC=-5&SR=1").content
    infos = {one.name: one.value for one in parse(io.BytesIO(answer)).resources[0].infos}
    sentence = infos["citation"]
    assert f"<p>{sentence}</p>" in page
    assert infos["server_software"] == software()
    assert sentence.startswith(f"Tuning Fork ({infos['request_date'][:4]}). {campaign.name}, as")
    assert sentence.endswith(f"[Data set]. http://testserver/catalog/{campaign.slug}/")
    export = services.request_export(workflow=campaign, asked_by=alice, format="votable")
    run_exports()
    assert Table.read(export.path).meta["description"] == campaign.name
    said = {one.name: one.value for one in parse(export.path).resources[0].infos}
    assert sentence.startswith(said["citation"])  # a worker does not know the address


def test_every_page_leads_to_how_to_cite(campaign, client):
    assert 'href="/releases/#cite"' in client.get("/").content.decode()
    assert software_citation() in client.get("/releases/").content.decode()


def test_nobody_is_named_twice():
    from datetime import UTC, datetime  # noqa: PLC0415

    at = datetime(2026, 11, 26, tzinfo=UTC)
    assert citation.of_site(at, "http://x/").sentence.count(settings.SITE_NAME) == 1
