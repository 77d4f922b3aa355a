"""Exports of Zooniverse come in whole: each row is stored, known, or refused with its reason."""

import csv
import json

import pytest
from django.core.management import CommandError, call_command

from inference.formats.tree import load_built_in
from tests import make
from tests.make import imported as read
from webapp.accounts.models import Volunteer
from webapp.classifications import recount
from webapp.classifications.models import Classification, Standing
from webapp.common import work
from webapp.consensus.models import Consensus, Queue
from webapp.exports import snapshot
from webapp.exports.exchange import KINDS, lines
from webapp.imports import running, services
from webapp.imports.models import (
    ImportedClassification,
    ImportedVersion,
    ImportedVolunteer,
    ImportProblem,
)
from webapp.predictions.queries import unscored
from webapp.subjects.models import Subject, SubjectSet

pytestmark = pytest.mark.django_db
VERSIONS, ROWS = "galaxy_zoo_decals_workflow_versions.json", "galaxy_zoo_decals_dr5_classifications"


@pytest.fixture
def campaign():
    """A campaign with the tree of DECaLS and an empty set."""
    made = make.workflow(tree=load_built_in("galaxy-zoo-decals"))
    make.link(made, SubjectSet.objects.create(slug="decals", name="DECaLS"))
    return made


@pytest.fixture
def files(shared):
    return shared / "data/zooniverse_exports"


def counts(batch) -> tuple[int, int, int]:
    assert (batch.status, batch.error) == ("done", "")
    assert batch.n_refused == batch.problems.count()
    return batch.n_added, batch.n_known, batch.n_refused


@pytest.fixture
def decals(campaign, files):
    """The campaign after its versions and its votes came in."""
    assert counts(read("workflows", files / VERSIONS, campaign)) == (24, 0, 0)
    assert counts(read("classifications", files / f"{ROWS}.csv", campaign)) == (9, 0, 0)
    return campaign


def test_the_real_votes_come_in_and_count(decals):
    assert Classification.objects.filter(stream="imported").count() == 9
    assert set(Standing.objects.values_list("state", flat=True)) == {"counted"}
    tally = Consensus.objects.get(subject__survey_id="15715879")
    tree = decals.tree.tree
    found = {tree.name(tree.answers[i]) for i, n in enumerate(tally.votes) if n}
    assert {"smooth-or-featured.featured-or-disk", "spiral-winding.tight"} <= found
    assert not any(name.startswith("merging.") for name in found)  # that question was another one
    assert list(recount.differences(decals)) == []


def test_a_row_keeps_where_it_came_from_and_when(decals):
    row = ImportedClassification.objects.get(external_id="91178981")
    assert (row.external_workflow, row.version) == ("6122", "28.30")
    given = row.classification
    assert given.received_at.isoformat() == "2018-02-20T10:44:42+00:00"
    assert given.client_started_at.isoformat() == "2018-02-20T10:41:13.381000+00:00"
    assert given.tree == ImportedVersion.objects.get(version="28.30").tree
    assert len(row.batch.sha256) == 64


def test_people_are_volunteers_without_their_names(decals, files):
    assert Volunteer.objects.count() == ImportedVolunteer.objects.count() == 2
    text = (files / f"{ROWS}.csv").read_text()
    stored = str(list(ImportedVolunteer.objects.values())) + str(list(Volunteer.objects.values()))
    for row in csv.DictReader(text.splitlines()):
        assert row["user_name"] not in stored
        assert row["user_id"] not in stored


def test_galaxies_without_pictures_are_never_queued_shown_or_scored(decals):
    assert set(Subject.objects.values_list("display_sha256", flat=True)) == {""}
    assert set(Consensus.objects.values_list("retired_reason", flat=True)) == {"unseen"}
    assert not Queue.objects.exists()
    assert unscored(decals, make.model(tree=decals.tree), limit=10) == []
    make.link_again(decals)
    recount.repair_subjects(decals, list(Subject.objects.values_list("pk", flat=True)))
    assert not Queue.objects.exists()


def test_the_same_file_again_adds_nothing(decals, files):
    assert counts(read("classifications", files / f"{ROWS}.csv", decals)) == (0, 9, 0)
    assert counts(read("workflows", files / VERSIONS, decals)) == (0, 24, 0)
    assert Classification.objects.count() == 9
    assert list(recount.differences(decals)) == []


def test_a_version_that_a_program_took_for_a_number_is_refused_with_a_hint(decals, files):
    batch = read("classifications", files / f"{ROWS}_few_columns.csv", decals,
                 external_workflow="6122")  # fmt: skip
    assert counts(batch) == (0, 7, 2)
    assert "28.30, read as a number?" in batch.problems.first().reason


def test_a_file_without_workflows_needs_to_be_told_which(decals, files):
    batch = read("classifications", files / f"{ROWS}_few_columns.csv", decals)
    assert counts(batch) == (0, 0, 9)


def test_subjects_come_in_once_with_position_and_metadata(campaign, files):
    assert counts(read("subjects", files / "galaxy_zoo_subjects.csv", campaign)) == (173, 517, 0)
    assert counts(read("subjects", files / "galaxy_zoo_subjects_current.csv", campaign))[2] == 0
    row = Subject.objects.get(survey_id="15069047")
    assert (row.ra_deg, row.dec_deg) == (212.68791, 1.04629)
    assert row.metadata["IAUNAME"] == "J141045.08+010246.8"
    assert row.original_name.startswith("https://panoptes-uploads")
    make.link_again(campaign)
    assert Consensus.objects.filter(workflow=campaign, retired_reason="unseen").count() == 173 + (
        Subject.objects.count() - 173
    )


def test_an_export_with_its_workflow_comes_in(campaign, files):
    assert counts(read("workflows", files / "supernovae_workflows.csv", campaign)) == (6, 0, 0)
    assert counts(read("classifications", files / "supernovae_classifications.csv", campaign)) == (
        7, 0, 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "n_rows"),
    [
        ("andromeda_clusters", 63), ("chicago_wildlife", 1000), ("countertop", 935),
        ("michigan_zoomin", 2000), ("mixed_task_types", 163), ("wildcam_gorongosa", 20),
    ],
)  # fmt: skip
def test_rows_of_other_workflows_are_refused_one_by_one(decals, files, name, n_rows):
    batch = read("classifications", files / f"{name}_classifications.csv", decals)
    assert counts(batch) == (0, 0, n_rows)
    assert all("is not known here" in problem.reason for problem in batch.problems.all())
    only = read("classifications", files / f"{name}_classifications.csv", decals,
                external_workflow="6122")  # fmt: skip
    assert "this import is of 6122" in only.problems.first().reason


MANIFEST = "countertop_subject_manifest_with_gold.csv"


def test_a_manifest_brings_its_subjects_row_by_row(campaign, files):
    assert counts(read("subjects", files / MANIFEST, campaign)) == (208, 0, 0)
    assert counts(read("subjects", files / MANIFEST, campaign)) == (0, 208, 0)
    with (files / MANIFEST).open(newline="", encoding="utf-8") as file:
        rows = {row["!subject_id"]: row for row in csv.DictReader(file)}
    there = {row.survey_id: row.metadata for row in Subject.objects.all()}
    assert there == {
        name: {key: cell.strip() for key, cell in row.items() if cell.strip()}
        for name, row in rows.items()
    }


def test_a_bad_row_of_a_manifest_is_refused_with_its_reason(campaign, tmp_path):
    file = table(
        tmp_path / "manifest.csv", ["#Image", "!RA", "dec", "//secret"],
        ["a.png", "10.5", "-5", "x"], ["", "1", "2", ""], ["b.png", "400", "2", ""],
        ["c.png", "", "", "y"],
    )  # fmt: skip
    batch = read("subjects", file, campaign)
    assert counts(batch) == (2, 0, 2)
    assert [one.row_number for one in batch.problems.order_by("row_number")] == [2, 3]
    assert "400" in batch.problems.get(row_number=3).reason
    first = Subject.objects.get(survey_id="a.png")
    assert (first.ra_deg, first.dec_deg) == (10.5, -5)


def test_a_manifest_is_no_export_of_votes_or_workflows(campaign, files):
    batch = read("classifications", files / MANIFEST, campaign)
    assert batch.status == "failed"
    assert "no column 'classification_id'" in batch.error
    batch = read("workflows", files / MANIFEST, campaign)
    assert batch.status == "failed"
    batch = read("subjects", files / f"{ROWS}.csv", campaign)
    assert "no column 'subject_id'" in batch.error


# What follows needs no real data.

TASKS = {"T0": {"type": "single", "question": "q", "answers": [{"label": "a"}, {"label": "b"}]}}
STRINGS = {"q": "Is it round?", "a": "![a](b) Yes", "b": "No"}
HEADER = [
    "classification_id", "user_name", "user_id", "workflow_id", "workflow_version", "created_at",
    "metadata", "annotations", "subject_data", "subject_ids",
]  # fmt: skip


def table(path, header, *lines):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *lines])
    return path


def line(number, *, who="ann", subject="5", text="Yes", version="4.10", metadata="{}", **other):
    said = json.dumps([{"task": "T0", "value": text}])
    data = json.dumps({subject: {"retired": None, "ra": 1.5, "dec": -2.5}})
    at = other.get("at", f"2020-01-01 00:00:{number:02d} UTC")
    return [number, who, other.get("user", "NA"), other.get("workflow", "7"), version, at, metadata,
            said, data, subject]  # fmt: skip


@pytest.fixture
def small(campaign, tmp_path):
    """A campaign that knows versions 4.1 and 4.10 of workflow 7."""
    header = ["workflow_id", "display_name", "version", "minor_version", "first_task", "tasks",
              "strings"]  # fmt: skip
    swapped = STRINGS | {"a": "No", "b": "Yes"}
    file = table(
        tmp_path / "workflows.csv", header,
        ["7", "Round", "4", "1", "T0", json.dumps(TASKS), json.dumps(swapped)],
        ["7", "Round", "4", "10", "T0", json.dumps(TASKS), json.dumps(STRINGS)],
        ["7", "Round", "5", "1", "T0", json.dumps({"T0": {"type": "drawing"}}), "{}"],
        ["7", "Round", "6", "1", "T0", "[]", "{}"],
    )  # fmt: skip
    assert counts(read("workflows", file, campaign)) == (2, 0, 2)
    return campaign


def test_version_4_10_is_not_4_1(small, tmp_path):
    lines = [line(1), line(2, who="bob", version="4.1")]
    assert counts(read("classifications", table(tmp_path / "a.csv", HEADER, *lines), small)) == (
        2, 0, 0,
    )  # fmt: skip
    paths = Classification.objects.order_by("received_at").values_list("path", flat=True)
    assert list(paths) == [[0], [1]]


def test_a_second_answer_of_the_same_person_is_kept_and_does_not_count(small, tmp_path):
    file = table(tmp_path / "a.csv", HEADER, line(2, text="No"), line(1), line(1))
    assert counts(read("classifications", file, small)) == (2, 1, 0)
    standing = Standing.objects.get()
    assert ImportedClassification.objects.get(external_id="1").classification_id == (
        standing.classification_id
    )
    assert Consensus.objects.get().n_classifications == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"text": "Maybe"}, "no answer 'Maybe'"),
        ({"version": "4.2"}, "not known here"),
        ({"workflow": "8"}, "workflow 8"),
        ({"subject": "5;6"}, "'5;6'"),
        ({"at": "yesterday"}, "no date"),
        ({"metadata": "{"}, "no JSON object"),
        ({"metadata": '{"translation_bug": true}'}, "translation_bug"),
    ],
)
def test_a_bad_row_is_refused_and_the_good_one_comes_in(small, tmp_path, bad, words):
    file = table(tmp_path / "a.csv", HEADER, line(1), line(2, **({"who": "bob"} | bad)))
    batch = read("classifications", file, small, external_workflow="")
    assert counts(batch) == (1, 0, 1)
    assert words in batch.problems.get().reason
    assert (batch.problems.get().row_number, batch.problems.get().name) == (2, "2")


def test_votes_of_another_project_and_ours_count_together(small, tmp_path):
    (pictured,) = make.subjects(1, small.subject_sets.get())
    Subject.objects.filter(pk=pictured.pk).update(survey_id="5")
    make.link_again(small)
    batch = read("classifications", table(tmp_path / "a.csv", HEADER, line(1)), small)
    assert counts(batch) == (1, 0, 0)
    tally = Consensus.objects.get(subject=pictured)
    assert (tally.n_classifications, tally.retired_at) == (1, None)
    assert Queue.objects.filter(subject=pictured, stream="gain").exists()
    assert list(recount.differences(small)) == []


def test_a_killed_import_goes_on_and_adds_nothing_twice(small, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "CHUNK", 2)
    lines = [line(n, who=f"v{n}") for n in range(1, 6)]
    batch = services.start_import(
        kind="classifications", source=table(tmp_path / "a.csv", HEADER, *lines), source_name="a",
        workflow=small, subject_set=small.subject_sets.get(), by=None,
    )  # fmt: skip
    batch = work.claim(batch)
    batch.pause_at_s = 0
    work.run(batch, running.run_batch, deadline_s=0)
    again = work.claim(batch)
    work.run(again, running.run_batch)
    again.refresh_from_db()
    assert counts(again) == (5, 0, 0)
    assert Consensus.objects.get().n_classifications == 5


def test_votes_need_a_set_of_their_campaign(small, tmp_path):
    other = SubjectSet.objects.create(slug="other", name="Other")
    with pytest.raises(services.ImportRefused, match="link the set first"):
        services.start_import(kind="classifications", source=tmp_path, source_name="a",
                              workflow=small, subject_set=other, by=None)  # fmt: skip


def test_the_command_tells_what_came_in(small, tmp_path, capsys):
    file = table(tmp_path / "a.csv", HEADER, line(1), line(2, text="Maybe", who="bob"))
    call_command("import_export", "classifications", str(file), campaign=small.slug, set="decals")
    told = capsys.readouterr().out
    assert "1 rows came in, 0 were known, 1 were refused." in told
    assert "no answer 'Maybe'" in told
    with pytest.raises(CommandError, match="no campaign 'nowhere'"):
        call_command("import_export", "classifications", str(file), campaign="nowhere")
    assert ImportProblem.objects.filter(batch__kind="classifications").count() == 1


OURS = {"workflows": "workflow", "classifications": "panoptes"}


def test_what_we_write_comes_in_again_with_the_same_tallies(small, tmp_path):
    ours = make.workflow(tree=load_built_in("galaxy-zoo-decals"), n_subjects=2)
    galaxies = list(ours.subject_sets.get().subjects.order_by("pk"))
    for galaxy, path in zip(galaxies, ([0, 3, 31], [2]), strict=True):
        whole = ours.tree.tree.walk(path[:2]).path
        if path == [2]:
            make.classification(make.visitor(), ours, galaxy, path)
        else:
            walk = ours.tree.tree.walk(whole)
            while walk.open:
                walk = ours.tree.tree.step(walk, [walk.open.first_answer])
            make.classification(make.visitor(), ours, galaxy, list(walk.path))
    for kind in ("workflows", "classifications"):
        file = tmp_path / f"{kind}.csv"
        with snapshot.one_moment() as moment:
            form = KINDS[OURS[kind]]
            rows = b"".join(lines(some) for some in form.rows(moment, ours))
        file.write_bytes(lines([form.header(ours)]) + rows)
        assert counts(read(kind, file, small, external_workflow=str(ours.pk)))[2] == 0
    there = {
        str(row.subject_id): (row.votes, row.asked)
        for row in Consensus.objects.filter(workflow=ours)
    }
    here = {
        row.subject.survey_id: (row.votes, row.asked)
        for row in Consensus.objects.filter(workflow=small).select_related("subject")
    }
    assert here == there
