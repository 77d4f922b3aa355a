"""Exports of classifications without their workflows: trees out of the answers, then the votes."""

import csv
import json
from collections import Counter

import pytest

from inference.formats.tree import Tree, load_built_in
from tests import make
from tests.webapp.imports.test_import import campaign, counts, files, line, read, small, table
from webapp.accounts.models import Role
from webapp.classifications import recount
from webapp.classifications.models import Classification
from webapp.consensus.models import Consensus
from webapp.imports.models import ImportBatch, ImportedVersion
from webapp.subjects.models import SubjectSet

pytestmark = pytest.mark.django_db
__all__ = ["campaign", "files", "small"]
HEADER = ["classification_id", "user_name", "user_id", "workflow_id", "workflow_version",
          "created_at", "metadata", "annotations", "subject_data", "subject_ids"]  # fmt: skip

# Of each file the versions that become trees and those that do not; the rows that come in then, and
# those that are refused.
REAL = {
    "andromeda_clusters": ((0, 3), (0, 63)),
    "chicago_wildlife": ((1, 0), (1000, 0)),
    "countertop": ((0, 32), (0, 935)),
    "michigan_zoomin": ((1, 0), (2000, 0)),
    "mixed_task_types": ((4, 6), (105, 58)),
    "wildcam_gorongosa": ((1, 0), (20, 0)),
}


def marked(file, workflow_id):
    """Return how often each answer was given: of each person's first row of a subject."""
    found: Counter[tuple[str, str]] = Counter()
    seen = set()
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in sorted(rows, key=lambda row: row["created_at"]):
        who = row["user_id"] if row["user_id"] not in ("", "NA") else row["user_name"]
        if row["workflow_id"] != workflow_id or (who, row["subject_ids"]) in seen:
            continue
        seen.add((who, row["subject_ids"]))
        answers = set()
        for one in json.loads(row["annotations"]):
            value = one["value"] or []
            for text in value if isinstance(value, list) else [value]:
                answers.add((one["task"], text["choice"] if isinstance(text, dict) else text))
        found.update(answers)
    return found


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_real_exports_come_in_as_far_as_their_rows_tell_a_tree(campaign, files, name):
    file = files / f"{name}_classifications.csv"
    (n_trees, n_none), (n_in, n_refused) = REAL[name]
    batch = read("workflows", file, campaign)
    assert counts(batch) == (n_trees, 0, n_none)
    assert not [one.reason for one in batch.problems.all() if "not of the form" in one.reason]
    batch = read("classifications", file, campaign)
    assert counts(batch) == (n_in, 0, n_refused), [one.reason for one in batch.problems.all()[:3]]
    assert all("is not known here" in one.reason for one in batch.problems.all())


@pytest.mark.parametrize(
    ("name", "workflow_id"), [("michigan_zoomin", "2276"), ("chicago_wildlife", "3054")]
)
def test_a_campaign_of_an_inferred_tree_counts_every_answer(campaign, files, name, workflow_id):
    file = files / f"{name}_classifications.csv"
    read("workflows", file, campaign)
    version = ImportedVersion.objects.get(external_workflow=workflow_id)
    assert version.is_inferred
    made = make.workflow(tree=version.tree.tree)
    make.link(made, SubjectSet.objects.create(slug="s", name="S"))
    read("classifications", file, made)
    tree, tallies = made.tree.tree, Consensus.objects.filter(workflow=made)
    totals = {
        (question.aliases[0] if question.aliases else question.key.upper(), answer.label): sum(
            row.votes[answer.index] for row in tallies
        )
        for question in tree.questions
        for answer in question.answers
    }
    expected = marked(file, workflow_id)
    assert {key: n for key, n in totals.items() if n} == dict(expected)
    assert list(recount.differences(made)) == []


def answers(*pairs):
    return json.dumps([{"task": task, "value": value, "task_label": f"{task}?"}
                       for task, value in pairs])  # fmt: skip


def said(number, *pairs, version="1.1", workflow="9"):
    row = line(number, who=f"v{number}", version=version, workflow=workflow)
    row[7] = answers(*pairs)
    return row


def test_what_follows_an_answer_is_what_followed_it(campaign, tmp_path):
    file = table(
        tmp_path / "a.csv", HEADER,
        said(1, ("T0", "Smooth"), ("T1", "Round")),
        said(2, ("T0", "Disk"), ("T2", ["Bar", "Arms"])),
        said(3, ("T0", "Star")), said(4, ("T0", "Smooth"), ("T1", "Cigar")),
        said(5, ("T0", "Disk"), ("T2", [])), said(6, ("T0", "Disk"), ("T0", "Star")),
    )  # fmt: skip
    assert counts(read("workflows", file, campaign)) == (1, 0, 0)
    tree = ImportedVersion.objects.get().tree.tree
    ways = {
        (question.text, answer.label): None if answer.next is None else
        tree.questions[answer.next].text
        for question in tree.questions for answer in question.answers
    }  # fmt: skip
    assert ways == {
        ("T0?", "Smooth"): "T1?", ("T0?", "Disk"): "T2?", ("T0?", "Star"): None,
        ("T1?", "Round"): None, ("T1?", "Cigar"): None, ("T2?", "Bar"): None, ("T2?", "Arms"): None,
    }  # fmt: skip
    several = next(one for one in tree.questions if not one.is_single)
    assert not several.required  # somebody chose nothing
    assert counts(read("classifications", file, campaign)) == (6, 0, 0)
    assert Classification.objects.filter(path=[1]).count() == 1  # went back, and was done


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[("T0", [{"x": 1, "tool": 0}])]], "drawings"),
        ([[("T0", "x" * 300)]], "free texts"),
        ([[("T0", "Yes")]], "one answer only"),
        ([[("T0", None)]], "Nobody answered task 'T0'"),
        ([[("T0", "a"), ("T1", "b")], [("T0", "a"), ("T2", "b")]], "'T1' in some rows and 'T2'"),
        ([[("T0", "a"), ("T1", "b")], [("T0", "a")]], "the end in some rows and 'T1'"),
        ([[("T0", "a")], [("T1", "a")]], "begin with different tasks"),
    ],
)
def test_rows_that_tell_no_tree_are_refused_with_the_reason(campaign, tmp_path, rows, words):
    file = table(tmp_path / "a.csv", HEADER, *(said(n, *row) for n, row in enumerate(rows, 1)))
    batch = read("workflows", file, campaign)
    assert counts(batch) == (0, 0, 1)
    assert words in batch.problems.get().reason
    assert batch.problems.get().name == "9 1.1"


def test_answers_never_replace_what_the_project_says_and_more_answers_do(small, tmp_path):
    known = ImportedVersion.objects.get(version="4.10").tree
    file = table(tmp_path / "a.csv", HEADER, line(1), line(2, text="Other"))
    assert counts(read("workflows", file, small)) == (0, 1, 0)
    assert ImportedVersion.objects.get(version="4.10").tree == known
    few = [said(1, ("T0", "a")), said(2, ("T0", "b"))]
    for rows, expected in ((few, (1, 0, 0)), (few, (0, 1, 0)), ([*few, said(3, ("T0", "c"))],
                                                                (1, 0, 0))):  # fmt: skip
        file = table(tmp_path / "b.csv", HEADER, *rows)
        assert counts(read("workflows", file, small)) == expected
    assert ImportedVersion.objects.get(external_workflow="9").tree.n_answers == 3


def test_marks_of_a_survey_add_up(campaign, tmp_path):
    deer, fox = ({"choice": one, "answers": {"HOWMANY": "2"}} for one in ("DEER", "FOX"))
    file = table(
        tmp_path / "a.csv", HEADER, said(1, ("T0", [deer]), ("T0", [fox])),
        said(2, ("T0", [fox, fox])), said(3, ("T0", [])),
    )  # fmt: skip
    assert counts(read("workflows", file, campaign)) == (1, 0, 0)
    assert counts(read("classifications", file, campaign)) == (3, 0, 0)
    paths = Classification.objects.order_by("received_at").values_list("path", flat=True)
    assert list(paths) == [[0, 1], [1], []]


def test_the_page_has_the_trees_for_new_campaigns(campaign, tmp_path, client):
    owner, other = (make.user(name, Role.SCIENTIST) for name in ("owner", "other"))
    file = table(tmp_path / "a.csv", HEADER, said(1, ("T0", "a")), said(2, ("T0", "b")))
    batch = read("workflows", file, campaign)
    ImportBatch.objects.update(requested_by=owner)
    version = ImportedVersion.objects.get()
    address = f"/imports/{batch.pk}/trees/{version.pk}.json"
    assert client.get(address).status_code == 302  # to sign in
    client.force_login(other)
    assert client.get(address).status_code == 404
    client.force_login(owner)
    assert f'href="{address}"' in client.get(f"/imports/{batch.pk}/").content.decode()
    tree = client.get(address)
    assert Tree.parse(tree.content).sha256 == version.tree.sha256
    assert tree.headers["Content-Disposition"] == (
        'attachment; filename="zooniverse-9-1-1.json"'
    )  # fmt: skip
    assert client.get(f"/imports/{batch.pk}/trees/{version.pk + 1}.json").status_code == 404


def test_only_the_workflow_that_was_asked_for(campaign, tmp_path):
    file = table(tmp_path / "a.csv", HEADER, said(1, ("T0", "a")), said(2, ("T0", "b")),
                 said(3, ("T0", "a"), workflow="8"))  # fmt: skip
    assert counts(read("workflows", file, campaign, external_workflow="9")) == (1, 0, 0)
    assert load_built_in("galaxy-zoo-decals").sha256 != ImportedVersion.objects.get().tree.sha256
