"""The workflow that Galaxy Zoo DECaLS really had, in all its versions."""

import csv
import json

import pytest

from inference.formats.tree import load_built_in
from webapp.imports.answers import path_of
from webapp.imports.tables import RowRefused, rows
from webapp.imports.texts import folded, key_of, shown_text
from webapp.imports.trees import tree_of

DECALS = load_built_in("galaxy-zoo-decals")


@pytest.fixture(scope="module")
def versions(shared):
    text = (shared / "data/zooniverse_exports/galaxy_zoo_decals_workflow_versions.json").read_text()
    return {
        f"{one['major_number']}.{one['minor_number']}": tree_of(
            workflow_id="6122", name="DECaLS DR5", first=one["first_task"], tasks=one["tasks"],
            strings=one["strings"], like=DECALS,
        )
        for one in json.loads(text)
    }  # fmt: skip


def names(tree) -> set[str]:
    return {tree.name(answer) for answer in tree.answers}


def test_all_24_versions_become_trees(versions):
    assert len(versions) == 24
    assert len({tree.sha256 for tree in versions.values()}) < 24  # pictures alone are no change


def test_the_last_version_is_the_tree_that_comes_with_the_software(versions):
    assert names(versions["66.425"]) == names(DECALS)


def test_an_answer_keeps_its_key_however_it_was_written(versions):
    for version in ("28.30", "46.77", "57.208", "57.209", "66.425"):
        assert {"how-rounded.in-between", "disk-edge-on.yes", "smooth-or-featured.artifact"} <= (
            names(versions[version])
        )


def test_answers_that_mean_something_else_count_as_themselves(versions):
    assert {"t11.merging", "t11.both"} <= names(versions["28.30"])
    assert "merging.merger" not in names(versions["28.30"])
    assert "merging.merger" in names(versions["66.425"])
    assert "bulge-size.obvious" in names(versions["39.61"])


def test_every_real_row_is_a_path(versions, shared):
    file = shared / "data/zooniverse_exports/galaxy_zoo_decals_dr5_classifications.csv"
    found = [
        (versions[row["workflow_version"]], json.loads(row["annotations"]))
        for _, row in rows(file, needs=("annotations",))
    ]
    assert len(found) == 9
    paths = [[tree.name(tree.answers[i]) for i in path_of(tree, said)] for tree, said in found]
    assert paths[0] == [
        "smooth-or-featured.featured-or-disk", "disk-edge-on.no", "bar.no", "has-spiral-arms.yes",
        "spiral-winding.tight", "spiral-arm-count.cant-tell", "bulge-size.none", "t11.neither",
    ]  # fmt: skip
    assert paths[5] == ["smooth-or-featured.artifact"]


def test_a_drawing_is_no_tree():
    with pytest.raises(RowRefused, match="drawing"):
        tree_of(workflow_id="1", name="", first="T0", tasks={"T0": {"type": "drawing"}},
                strings={}, like=DECALS)  # fmt: skip


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ([], "has no answer"),
        ([{"task": "T0", "value": None}], "has no answer"),
        ([{"task": "T99", "value": "Yes"}], "no task 'T99'"),
        ([{"task": "T0", "value": "Blue"}], "no answer 'Blue'"),
        ([{"task": "T0", "value": [{"x": 1}]}], "no text"),
        (["T0"], "names no task"),
        ([{"task": "T0", "value": "Star or Artifact"}, {"task": "T4", "value": "No Bar"}], "comes"),
    ],
)
def test_what_is_no_path_is_refused_with_its_reason(annotations, words):
    with pytest.raises(RowRefused, match=words):
        path_of(DECALS, annotations)


def test_a_text_is_what_a_reader_sees():
    assert shown_text("![a.png](https://x/y.png =60x)  **Yes** -  Edge\n[on](z)") == "Yes - Edge on"
    assert folded("Star or Artefact") == folded(" star  or artifact")
    assert key_of("Can't tell", "x") == "cant-tell"


def test_a_table_of_r_with_a_mark_reads_as_any_other(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes('\ufeff"","classification_id","user_id"\n"1","7","NA"\n'.encode())
    assert list(rows(file, needs=("classification_id",))) == [
        (1, {"": "1", "classification_id": "7", "user_id": ""})
    ]
    assert csv.field_size_limit() >= 1_000_000
