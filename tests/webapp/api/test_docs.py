"""The scripts and the words of the documentation, against a site that runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as site

from tests import make
from tests.webapp.api.programs import Program, placed, wait_until_alone
from webapp.api import problems, schema

DOCS = Path(__file__).resolve().parents[3] / "docs"
LIVE = pytest.mark.django_db(transaction=True)


def run(script: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, str(DOCS / "examples" / script), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@LIVE
def test_the_examples_run(live_server, alice):
    workflow = make.owned(alice, rule={"format": 1, "votes": 1})
    galaxies = placed(make.subjects(5), [(10.0, 20.0 + 0.01 * number) for number in range(5)])
    make.link(workflow, galaxies[0].subject_set)
    for galaxy in galaxies[:2]:
        make.classification(make.visitor(), workflow, galaxy)
    program = Program(alice)

    table = run("catalog_with_requests.py", live_server.url, workflow.slug, TOKEN=program.key)
    assert "2 galaxies have votes." in table
    assert str(galaxies[0].pk) in table

    found = run("cone_with_pyvo.py", live_server.url, workflow.slug, "10", "20", "0.035")
    assert "4 galaxies are within 0.035 degrees." in found
    assert "The votes of 2 of them can be seen." in found
    distances = [float(number) for number in re.findall(r" (\d+\.\d+) *$", found, re.MULTILINE)]
    assert distances == sorted(distances)
    wait_until_alone()


@LIVE
def test_an_example_says_what_is_wrong(live_server, alice):
    workflow = make.owned(alice)
    command = [
        sys.executable, str(DOCS / "examples" / "catalog_with_requests.py"), live_server.url,
        workflow.slug,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"TOKEN": "tf_wrong"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("This token is not known here.")
    wait_until_alone()


def test_every_address_and_status_is_documented():
    words = (DOCS / "api.md").read_text(encoding="utf-8")
    for path in schema.document()["paths"]:
        assert f"`{path}`" in words, path
    for status in schema.PROBLEMS:
        assert f"| {status} |" in words, status
    assert problems.MEDIA_TYPE in words


@pytest.mark.parametrize(
    "name", ["API_REQUESTS_PER_MINUTE", "CONE_SEARCHES_PER_MINUTE", "CONE_MAX_ROWS"]
)
def test_limits_are_documented_as_they_are(name):
    words = (DOCS / "api.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {getattr(site, name):,} |" in words


@pytest.mark.parametrize("name", ["catalog_with_requests.py", "cone_with_pyvo.py"])
def test_examples_are_short(name):
    lines = (DOCS / "examples" / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
