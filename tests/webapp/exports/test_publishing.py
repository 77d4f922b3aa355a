"""A release is whole, frozen, can be verified and read, and says how to cite it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from astropy.table import Table
from ruamel.yaml import YAML

from tests import make
from tests.webapp.api.programs import Program
from webapp.common.models import WorkStatus
from webapp.consensus.models import Consensus
from webapp.exports import citation, publishing, readme, services
from webapp.exports.columns import catalog_columns
from webapp.exports.models import Release
from webapp.exports.tasks import run_exports
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db
FILES = {
    "catalog.fits", "catalog.vot", "catalog.parquet", "catalog.ecsv", "catalog.csv",
    "sample_1000.ecsv", "votes.parquet", "votes.csv", "columns.json", "names.csv", "README.md",
    "LICENSE.txt", "CITATION.cff", "citation.bib", "datacite.json", "first_look.py", "SHA256SUMS",
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "title": "Shapes of seven galaxies & more",
    "authors": ["Rubin, Vera", "Hubble, Edwin"],
    "license": "CC-BY-4.0",
    "doi": "10.5281/zenodo.123",
    "address": "https://galaxies.example.org/releases/seven/{number}/",
}


BARE: dict[str, Any] = {"number": 1, "title": "Shapes", "authors": ["Rubin, Vera"]}


def made(campaign, alice, **changes) -> Release:
    release = services.make_release(workflow=campaign, by=alice, **(GIVEN | changes))
    run_exports()
    release.refresh_from_db()
    assert release.status == WorkStatus.DONE, release.error + release.traceback
    return release


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_release_is_verified_as_its_readme_says(campaign, alice):
    release = made(campaign, alice)
    assert "Section 3 -- License Conditions." in (release.folder / "LICENSE.txt").read_text()
    names = set(contents(release.folder))
    sha256 = campaign.tree.sha256[:8]
    assert names == FILES | {f"trees/{sha256}.json"}
    assert {file["name"] for file in release.files} == names
    check = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=release.folder, check=True)
    (release.folder / "README.md").chmod(0o600)
    (release.folder / "README.md").write_text("forged")
    assert subprocess.run(check, cwd=release.folder, check=False, capture_output=True).returncode


def test_all_formats_have_the_same_galaxies(campaign, alice):
    folder = made(campaign, alice).folder
    ids = [row.subject_id for row in Consensus.objects.order_by("subject_id")]
    tables = [
        pd.read_parquet(folder / "catalog.parquet"),
        pd.read_csv(folder / "catalog.csv"),
        *(Table.read(folder / f"catalog.{end}") for end in ("fits", "vot", "ecsv")),
        Table.read(folder / "sample_1000.ecsv"),
    ]
    for table in tables:
        assert list(table["source_id"]) == ids
        assert set(map(str, table["data_release"])) == {"1"}
    votes = pd.read_parquet(folder / "votes.parquet")
    assert len(votes) == sum(row.n_classifications for row in Consensus.objects.all())


def test_the_first_look_counts_the_sure_ones(campaign, alice):
    folder = made(campaign, alice).folder
    run = subprocess.run(
        [sys.executable, "first_look.py"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert "of 7 galaxies are spiral with p > 0.8." in run.stdout
    assert "deg" in run.stdout


def test_changing_votes_afterwards_changes_no_byte(campaign, alice):
    release = made(campaign, alice)
    before = contents(release.folder)
    galaxy = campaign.subject_sets.get().subjects.first()
    make.classification(make.visitor(), campaign, galaxy)
    made(campaign, alice)
    assert contents(release.folder) == before
    assert all(not path.stat().st_mode & 0o222 for path in release.folder.rglob("*.*"))


def test_the_same_moment_gives_the_same_bytes(campaign, alice, monkeypatch):
    at = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(publishing, "instant_of", lambda _: at)
    release = made(campaign, alice)
    before = contents(release.folder)
    Release.objects.filter(pk=release.pk).update(status="pending", token=release.token + 1)
    run_exports()
    assert contents(release.folder) == before


def test_numbers_count_up_in_each_campaign(campaign, alice):
    assert [made(campaign, alice).number for _ in range(2)] == [1, 2]
    assert made(make.workflow(n_subjects=1), alice).number == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": " "}, "no title"),
        ({"authors": []}, "0 authors"),
        ({"authors": ["", "  "]}, "0 authors"),
        ({"license": "mine"}, "'mine' is no license"),
    ],
)
def test_what_cannot_be_cited_is_refused(campaign, alice, change, words):
    with pytest.raises(services.ReleaseRefused, match=words):
        services.make_release(workflow=campaign, by=alice, **(GIVEN | change))
    assert not Release.objects.exists()


def test_one_is_made_at_a_time(campaign, alice):
    services.make_release(workflow=campaign, by=alice, **GIVEN)
    with pytest.raises(services.ReleaseRefused, match="is being made"):
        services.make_release(workflow=campaign, by=alice, **GIVEN)


def test_a_format_that_cannot_hold_a_value_is_left_out_and_said(campaign, alice):
    Subject.objects.filter(pk=Subject.objects.first().pk).update(survey_id="Галактика")
    release = made(campaign, alice)
    names = {file["name"] for file in release.files}
    assert "catalog.fits" not in names
    assert {"catalog.vot", "catalog.parquet"} <= names
    assert "There is no FITS file." in (release.folder / "README.md").read_text()


def test_what_a_killed_worker_has_left_is_removed(campaign, alice):
    release = services.make_release(workflow=campaign, by=alice, **GIVEN)
    left = release.folder.with_name(".1.half")
    left.mkdir(parents=True)
    run_exports()
    assert [path.name for path in release.folder.parent.iterdir()] == ["1"]


def test_a_failure_leaves_no_folder(campaign, alice):
    row = Consensus.objects.filter(n_classifications=3).first()
    Consensus.objects.filter(pk=row.pk).update(votes=[9, 0, 0, 0])
    release = services.make_release(workflow=campaign, by=alice, **GIVEN)
    run_exports()
    release.refresh_from_db()
    assert release.status == WorkStatus.FAILED
    assert not release.folder.exists()


def test_withdrawing_needs_a_reason_and_happens_once(campaign, alice):
    release = made(campaign, alice)
    with pytest.raises(services.ReleaseRefused, match="Say why"):
        services.withdraw_release(release=release, by=alice, reason=" ")
    services.withdraw_release(release=release, by=alice, reason="A wrong tree.")
    with pytest.raises(services.ReleaseRefused, match="can be withdrawn"):
        services.withdraw_release(release=release, by=alice, reason="Again.")
    release.refresh_from_db()
    assert not release.is_published
    assert (release.folder / "catalog.parquet").exists()  # kept for the record


# What a citation file must have: the required fields of its schema, 1.2.0.
CFF_REQUIRED = {"authors", "cff-version", "message", "title"}


def test_the_citation_is_the_same_everywhere(campaign, alice, client):
    release = made(campaign, alice)
    sentence = citation.of_release(release).sentence
    assert sentence == (
        f"Rubin, Vera; Hubble, Edwin ({release.snapshot_at.year}). Shapes of seven galaxies & "
        f"more, release 1 [Data set]. Tuning Fork. https://doi.org/10.5281/zenodo.123"
    )
    folder = release.folder
    assert sentence in (folder / "README.md").read_text()
    for end in ("vot", "ecsv", "parquet"):
        assert Table.read(folder / f"catalog.{end}").meta, end  # readable
    assert sentence.replace("&", "&amp;") in (folder / "catalog.vot").read_text()
    assert Table.read(folder / "catalog.fits").meta["CITATION"] == sentence
    for end in ("ecsv", "parquet"):
        assert Table.read(folder / f"catalog.{end}").meta["citation"] == sentence
    assert (
        sentence.replace("&", "&amp;")
        in client.get(f"/releases/{campaign.slug}/1/").content.decode()
    )
    cff = YAML(typ="safe").load((folder / "CITATION.cff").read_text())
    assert set(cff) >= CFF_REQUIRED | {"version", "date-released", "doi"}
    assert (cff["title"], cff["doi"], cff["type"]) == (GIVEN["title"], GIVEN["doi"], "dataset")
    assert [author["name"] for author in cff["authors"]] == GIVEN["authors"]
    datacite = json.loads((folder / "datacite.json").read_text())
    assert datacite["identifiers"] == [{"identifier": GIVEN["doi"], "identifierType": "DOI"}]
    assert [one["name"] for one in datacite["creators"]] == GIVEN["authors"]
    listed = Program(alice).get(f"/api/workflows/{campaign.slug}/releases/").json()["results"]
    assert [one["citation"] for one in listed] == [sentence]
    assert r"Shapes of seven galaxies \& more" in (folder / "citation.bib").read_text()


@pytest.mark.parametrize(
    ("license_", "line"),
    [
        ("CC0-1.0", "CC0 1.0 Universal"),
        ("CC-BY-4.0", "Section 3 -- License Conditions."),
        (
            "ODbL-1.0",
            "The text of the license is at https://opendatacommons.org/licenses/odbl/1-0/",
        ),
    ],
)
def test_the_license_is_named_for_people_and_programs_and_whole_where_we_have_it(
    campaign, alice, license_, line
):
    text = readme.license_text(Release(workflow=campaign, **(BARE | {"license": license_})))
    lines = text.splitlines()
    assert lines[0].endswith(f"under {citation.LICENSES[license_][0]}.")
    assert f"SPDX-License-Identifier: {license_}" in lines
    assert line in lines
    assert (len(lines) > 100) == (license_ != "ODbL-1.0")


def test_nothing_in_a_name_breaks_the_citation_file(campaign, alice):
    wild = ['O\'Brien, "Bo": #1', "- name: x", "Ω, ü\\"]
    release = made(campaign, alice, authors=wild, title="a: b # c", doi="")
    cff = YAML(typ="safe").load(citation.citation_file(release))
    assert [author["name"] for author in cff["authors"]] == wild
    assert cff["title"] == "a: b # c"


def test_the_dictionary_in_a_release_is_that_of_its_columns(campaign, alice):
    folder = made(campaign, alice).folder
    listed = json.loads((folder / "columns.json").read_text())
    assert [one["name"] for one in listed] == [
        one.name for one in catalog_columns(campaign.tree.tree)
    ]
    assert list(pd.read_parquet(folder / "catalog.parquet")) == [one["name"] for one in listed]
