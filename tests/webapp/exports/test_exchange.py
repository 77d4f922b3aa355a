"""Other tools find in our files what we found ourselves."""

import csv
import json
import random
import subprocess
from itertools import islice

import pytest
from django.core.management import call_command

from inference.formats.tree import load_built_in
from tests import make
from tests.bench.peers import interpreter, needs
from webapp.classifications.models import Classification
from webapp.consensus.models import Consensus
from webapp.exports.exchange import KINDS
from webapp.exports.tallies import slug
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db
DECALS = load_built_in("galaxy-zoo-decals")


@pytest.fixture
def campaign():
    """Three galaxies, twelve people who go some way each, and one whose answer came too late."""
    made = make.workflow(
        tree=DECALS, n_subjects=3, rule={"format": 1, "votes": 4, "artifact": None}
    )
    ways, chance = list(islice(DECALS.paths(), 3000)), random.Random(5)
    for galaxy in made.subject_sets.get().subjects.all():
        for _ in range(4):
            make.classification(make.visitor(), made, galaxy, list(chance.choice(ways)))
        make.classification(make.visitor(), made, galaxy, list(ways[0]))
    return made


def written(campaign, kind, tmp_path) -> list[dict[str, str]]:
    file = tmp_path / f"{kind}.csv"
    n_rows = KINDS[kind].write(campaign, file)
    with file.open(encoding="utf-8", newline="") as opened:
        found = list(csv.DictReader(opened))
    assert len(found) == n_rows
    return found


def test_a_row_is_in_the_form_of_panoptes(campaign, tmp_path):
    rows = written(campaign, "panoptes-classifications", tmp_path)
    assert ",".join(rows[0]) == (
        "classification_id,user_name,user_id,user_ip,workflow_id,workflow_name,workflow_version,"
        "created_at,gold_standard,expert,metadata,annotations,subject_data,subject_ids"
    )
    assert len(rows) == 12  # what came too late does not count
    first = Classification.objects.order_by("pk").first()
    assert rows[0]["created_at"] == first.received_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    assert rows[0]["user_name"].startswith("not-logged-in-")
    assert (rows[0]["user_id"], rows[0]["workflow_version"]) == ("", "1.1")
    assert str(first.volunteer.uuid) not in str(rows)
    said = json.loads(rows[0]["annotations"])
    assert said[0]["task"] == "T0"
    assert said[0]["value"] in {answer.label for answer in DECALS.questions[0].answers}
    assert json.loads(rows[0]["subject_data"])[rows[0]["subject_ids"]]["retired"]


@needs("panoptes-aggregation")
def test_panoptes_aggregation_finds_our_own_tallies(campaign, tmp_path):
    written(campaign, "panoptes-classifications", tmp_path)
    written(campaign, "panoptes-workflows", tmp_path)
    tool = interpreter("panoptes-aggregation").with_name("panoptes_aggregation")

    def run(*words):
        subprocess.run([tool, *map(str, words), "-d", tmp_path], check=True, cwd=tmp_path,
                       capture_output=True, timeout=300)  # fmt: skip

    run("config", tmp_path / "panoptes-workflows.csv", campaign.pk, "-v", "1.1")
    (extractor,) = tmp_path.glob("Extractor_config*.yaml")
    run("extract", tmp_path / "panoptes-classifications.csv", extractor, "-hb")
    (reducer,) = tmp_path.glob("Reducer_config*question*.yaml")
    run("reduce", tmp_path / "question_extractor_extractions.csv", reducer, "-hb")
    with (tmp_path / "question_reducer_reductions.csv").open(encoding="utf-8") as file:
        theirs = _tallies(csv.DictReader(file))
    assert theirs == _tallies(written(campaign, "reductions", tmp_path))
    assert theirs == _ours(campaign)


def _tallies(rows):
    return {
        (row["subject_id"], row["task"], name.removeprefix("data.")): float(value)
        for row in rows
        for name, value in row.items()
        if name.startswith("data.") and value and name != "data.aggregation_version"
    }


def _ours(campaign):
    return {
        (str(tally.subject_id), f"T{answer.question}", slug(answer.label)): float(votes)
        for tally in Consensus.objects.filter(workflow=campaign)
        for answer, votes in zip(DECALS.answers, tally.votes, strict=True)
        if votes
    }


def test_the_reductions_are_our_tallies(campaign, tmp_path):
    assert _tallies(written(campaign, "reductions", tmp_path)) == _ours(campaign)


def test_zoobot_gets_whole_numbers_for_each_answer(campaign, tmp_path):
    rows = written(campaign, "zoobot", tmp_path)
    assert list(rows[0])[:3] == ["id_str", "file_loc", "smooth-or-featured_smooth"]
    assert all(value.isdigit() for row in rows for value in list(row.values())[2:])
    assert all(row["file_loc"].endswith(".jpg") for row in rows)
    Subject.objects.update(display_sha256="")
    assert written(campaign, "zoobot", tmp_path) == []


def test_the_catalog_has_fractions_only_where_somebody_was_asked(campaign, tmp_path):
    for row in written(campaign, "decals", tmp_path):
        total = int(row["bar_total-votes"])
        votes = [int(row[f"bar_{name}"]) for name in ("strong", "weak", "no")]
        assert sum(votes) == total
        assert (row["bar_weak_fraction"] == "") == (total == 0)
        assert row["smooth-or-featured_total-votes"] == "4"


def test_the_command_writes_a_file(campaign, tmp_path, capsys):
    call_command("export_exchange", campaign.slug, "panoptes-workflows", str(tmp_path / "w.csv"))
    assert "1 rows in" in capsys.readouterr().out
