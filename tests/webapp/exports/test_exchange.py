"""Files that other projects' own programs read, and reduce to our tallies."""

import csv
import json
import subprocess

import pandas as pd
import pytest

from inference.formats.tree import load_built_in
from tests import make
from tests.bench.peers import interpreter, needs
from webapp.accounts.models import Role
from webapp.classifications.models import Standing
from webapp.consensus.models import Consensus
from webapp.exports import services
from webapp.exports.exchange import KINDS
from webapp.exports.panoptes import CLASSIFICATIONS
from webapp.exports.reductions import slug
from webapp.exports.tasks import run_exports

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(settings, tmp_path):
    """A campaign of the tree of Galaxy Zoo DECaLS, several choices included, with answers."""
    settings.EXPORTS_ROOT = tmp_path / "exports"
    tree = load_built_in("galaxy-zoo-decals")
    workflow = make.workflow(n_subjects=6, tree=tree, rule={"format": 1, "votes": 30})
    paths = list(tree.paths())
    for number, galaxy in enumerate(workflow.subject_sets.get().subjects.order_by("pk")):
        for person in range(3 * number):
            path = paths[(977 * number + 131 * person) % len(paths)]
            make.classification(make.visitor(), workflow, galaxy, path=list(path))
    return workflow


def made(workflow, table):
    export = services.request_export(
        workflow=workflow, asked_by=make.user(f"vera-{table}", Role.SCIENTIST), format="csv",
        table=table,
    )  # fmt: skip
    run_exports()
    export.refresh_from_db()
    assert export.status == "done", export.error + export.traceback
    with export.path.open(newline="") as file:
        assert len(list(csv.reader(file))) == export.n_rows + 1
    return export.path


@pytest.mark.parametrize("table", sorted(KINDS))
def test_other_forms_are_csv_only(answered, table):
    with pytest.raises(services.ExportRefused, match="choose CSV"):
        services.request_export(
            workflow=answered, asked_by=make.user("vera"), format="fits", table=table
        )
    assert made(answered, table).stat().st_size > 100


def test_a_classification_is_as_panoptes_writes_it(answered):
    alice = make.user("alice")
    galaxy = answered.subject_sets.get().subjects.first()
    type(galaxy).objects.filter(pk=galaxy.pk).update(
        ra_deg=319.115, dec_deg=-0.8265, healpix=1, metadata={"mag.g": "13.67", "#secret": "x"}
    )
    tree = answered.tree.tree
    path = next(path for path in tree.paths() if len(path) > 6)
    given = make.classification(make.visitor(alice), answered, galaxy, path=list(path))
    with made(answered, "panoptes").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CLASSIFICATIONS
    assert len(rows) == Standing.objects.filter(state="counted").count()
    mine = next(row for row in rows if row["subject_ids"] == str(galaxy.pk))
    assert mine["classification_id"] == str(given.classification_id)
    assert not mine["user_name"].startswith("not-logged-in-")
    assert all(row["user_name"].startswith("not-logged-in-") for row in rows if row != mine)
    assert mine["workflow_version"] == "1.0"
    assert mine["created_at"].endswith(" UTC")
    annotations = json.loads(mine["annotations"])
    assert [one["task"] for one in annotations] == [f"T{place}" for place in tree.asked(path)]
    words = {answer.label for answer in tree.answers}
    for one in annotations:
        values = one["value"] if isinstance(one["value"], list) else [one["value"]]
        assert set(values) <= words
    data = json.loads(mine["subject_data"])[str(galaxy.pk)]
    assert (data["ra"], data["mag.g"], data["retired"]) == (319.115, "13.67", None)
    assert "#secret" not in data
    assert alice.username not in mine.values()


def test_what_does_not_count_is_not_there(answered):
    Standing.objects.filter(pk=Standing.objects.first().pk).update(state="excluded")
    n_counted = Standing.objects.filter(state="counted").count()
    assert len(pd.read_csv(made(answered, "panoptes"))) == n_counted


def test_zoobot_gets_a_picture_and_whole_numbers(answered):
    found = pd.read_csv(made(answered, "zoobot"))
    assert list(found)[:3] == ["id_str", "file_loc", "smooth-or-featured_smooth"]
    rows = Consensus.objects.filter(n_classifications__gt=0).order_by("subject_id")
    assert found.iloc[:, 2:].to_numpy().tolist() == [row.votes for row in rows]
    assert found.dtypes.iloc[2:].map(str).unique().tolist() == ["int64"]
    assert all(place.endswith(".jpg") for place in found.file_loc)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Features or Disk", "features-or-disk"),
        ("Can't tell", "can-t-tell"),
        ("Yes -  Edge On Disk", "yes-edge-on-disk"),
        ("1", "1"),
        ("Größe, é", "grosse-e"),
    ],
)
def test_slugs(label, expected):
    assert slug(label) == expected.replace("grosse", "groe")


@needs("panoptes-aggregation")
def test_panoptes_aggregation_reduces_them_to_our_tallies(answered, tmp_path):
    """Its own offline commands: config, extract, reduce."""
    program = interpreter("panoptes-aggregation").with_name("panoptes_aggregation")
    workflow, classifications = made(answered, "workflow"), made(answered, "panoptes")

    def run(*arguments):
        done = subprocess.run(
            [program, *map(str, arguments)], cwd=tmp_path, check=False, capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    run("config", workflow, answered.pk, "-v", "1.0", "-d", tmp_path)
    (config,) = tmp_path.glob("Extractor_config_*.yaml")
    run("extract", classifications, config, "-d", tmp_path)
    (extracts,) = tmp_path.glob("question_extractor_*.csv")
    (reducer,) = tmp_path.glob("Reducer_config_*question*.yaml")
    run("reduce", extracts, reducer, "-d", tmp_path)
    (reduced,) = tmp_path.glob("question_reducer_*.csv")
    theirs, ours = pd.read_csv(reduced), pd.read_csv(made(answered, "reductions"))
    keys = ["subject_id", "task"]
    names = [name for name in ours if name.startswith("data.")]
    assert set(names) >= {name for name in theirs if name.startswith("data.")} - {
        "data.aggregation_version"
    }
    theirs = theirs.reindex(columns=[*keys, *names])
    theirs, ours = (  # theirs has rows of tasks that nobody was asked, without any number
        table[keys + names].dropna(subset=names, how="all").sort_values(keys, ignore_index=True)
        for table in (theirs, ours)
    )
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False)
