"""The built-in trees against the field's own files and tables."""

import csv
import json
import re
from pathlib import Path

import pytest

from inference.formats.tree import Tree, built_in, load_built_in

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is absent")

# The tasks of Galaxy Zoo 2: Willett et al. 2013, table 2; tasks numbered as there.
GALAXY_ZOO_2: dict[int, dict[str, int | None]] = {
    1: {"smooth": 7, "features or disk": 2, "star or artifact": None},
    2: {"yes": 9, "no": 3},
    3: {"yes": 4, "no": 4},
    4: {"yes": 10, "no": 5},
    5: {"no bulge": 6, "just noticeable": 6, "obvious": 6, "dominant": 6},
    6: {"yes": 8, "no": None},
    7: {"completely round": 6, "in between": 6, "cigar-shaped": 6},
    8: dict.fromkeys(
        ("ring", "lens or arc", "disturbed", "irregular", "other", "merger", "dust lane")
    ),
    9: {"rounded": 6, "boxy": 6, "no bulge": 6},
    10: {"tight": 11, "medium": 11, "loose": 11},
    11: dict.fromkeys(["1", "2", "3", "4", "more than 4", "can't tell"], 5),
}
GALAXY_ZOO_2_COLUMNS = """
    smooth-or-featured_smooth smooth-or-featured_featured-or-disk smooth-or-featured_artifact
    disk-edge-on_yes disk-edge-on_no bar_yes bar_no has-spiral-arms_yes has-spiral-arms_no
    bulge-size_no bulge-size_just-noticeable bulge-size_obvious bulge-size_dominant
    something-odd_yes something-odd_no how-rounded_round how-rounded_in-between how-rounded_cigar
    odd-feature_ring odd-feature_lens-or-arc odd-feature_disturbed odd-feature_irregular
    odd-feature_other odd-feature_merger odd-feature_dust-lane
    bulge-shape_round bulge-shape_boxy bulge-shape_no-bulge
    spiral-winding_tight spiral-winding_medium spiral-winding_loose
    spiral-arm-count_1 spiral-arm-count_2 spiral-arm-count_3 spiral-arm-count_4
    spiral-arm-count_more-than-4 spiral-arm-count_cant-tell
"""

# The columns that published networks for DECaLS put out (galaxy_datasets, decals_dr5_ortho_pairs).
DECALS_COLUMNS = {
    "smooth-or-featured": {"smooth", "featured-or-disk", "artifact"},
    "disk-edge-on": {"yes", "no"},
    "has-spiral-arms": {"yes", "no"},
    "bar": {"strong", "weak", "no"},
    "bulge-size": {"dominant", "large", "moderate", "small", "none"},
    "how-rounded": {"round", "in-between", "cigar-shaped"},
    "edge-on-bulge": {"boxy", "none", "rounded"},
    "spiral-winding": {"tight", "medium", "loose"},
    "spiral-arm-count": {"1", "2", "3", "4", "more-than-4", "cant-tell"},
    "merging": {"none", "minor-disturbance", "major-disturbance", "merger"},
}


def nexts_by_task(tree: Tree) -> dict[int, list[int | None]]:
    """Return, for each question by its number from 1, the numbers of what follows."""
    return {
        q.index + 1: [None if a.next is None else a.next + 1 for a in q.answers]
        for q in tree.questions
    }


def names_of(answer) -> set[str]:
    return {name.casefold() for name in (answer.label, answer.key, *answer.aliases)}


def test_galaxy_zoo_2_has_the_published_tasks_answers_and_branches():
    tree = load_built_in("galaxy-zoo-2")
    assert (tree.n_questions, tree.n_answers) == (11, 37)
    assert nexts_by_task(tree) == {
        task: list(answers.values()) for task, answers in GALAXY_ZOO_2.items()
    }
    for question, answers in zip(tree.questions, GALAXY_ZOO_2.values(), strict=True):
        assert question.is_single
        for answer, label in zip(question.answers, answers, strict=True):
            assert label in names_of(answer)


def test_galaxy_zoo_2_columns_are_those_of_published_networks():
    tree = load_built_in("galaxy-zoo-2")
    assert [tree.column(answer) for answer in tree.answers] == GALAXY_ZOO_2_COLUMNS.split()
    for_gz2 = tree.for_campaign("gz2")
    for answer in tree.answers:
        if tree.questions[answer.question].key != "odd-feature":
            assert tree.answer_of_column(for_gz2.column(answer)) == answer


@needs_data
def test_the_axis_of_galaxy_zoo_2_is_the_column_order_of_the_kaggle_challenge():
    tree = load_built_in("galaxy-zoo-2")
    with (DATA / "gz2_kaggle" / "votes_full.csv").open(newline="") as file:
        columns = next(csv.reader(file))[1:]
    assert [tree.answer_of_column(column) for column in columns] == list(tree.answers)


@needs_data
def test_the_axis_of_galaxy_zoo_2_is_the_column_order_of_its_release():
    tree = load_built_in("galaxy-zoo-2")
    with (DATA / "gz2_stripe82" / "votes_imaged.csv").open(newline="") as file:
        header = next(csv.reader(file))
    columns = [name.removesuffix("_count") for name in header if re.match(r"t\d.*_count$", name)]
    assert [tree.answer_of_column(column) for column in columns] == list(tree.answers)


@needs_data
def test_galaxy_zoo_2_agrees_with_the_tree_of_the_classic_site():
    """The classic site asked task 8 with checkboxes, and every end led to "discuss"."""
    tree = load_built_in("galaxy-zoo-2")
    by_text = {question.text: question for question in tree.questions}
    with (DATA / "gz_reference" / "decision_trees.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["tree"] == "sloan"]
    compared = 0
    for row in rows:
        if row["question"] not in by_text or row["input"] == "checkbox":
            continue
        answer = by_text[row["question"]].answers[int(row["answer_key"].removeprefix("a-"))]
        assert row["answer"].casefold() in names_of(answer)
        if answer.next is not None and row["next_question"] != "What are the odd features?":
            assert tree.questions[answer.next].text == row["next_question"]
        compared += 1
    assert compared == 30  # 37 without the seven odd features


@needs_data
def test_galaxy_zoo_decals_is_the_live_workflow():
    """Version 66.425 of Zooniverse workflow 6122, question for question and answer for answer."""
    tree = load_built_in("galaxy-zoo-decals")
    file = DATA / "zooniverse_exports" / "galaxy_zoo_decals_workflow_versions.json"
    versions = json.loads(file.read_text(encoding="utf-8"))
    [live] = [v for v in versions if (v["major_number"], v["minor_number"]) == (66, 425)]
    tasks, strings = live["tasks"], live["strings"]
    question_of = {q.aliases[0]: q for q in tree.questions}
    assert live["first_task"] == tree.questions[0].aliases[0]
    assert question_of.keys() == tasks.keys()
    for name, task in tasks.items():
        question = question_of[name]
        assert (question.kind, question.required) == (task["type"], task["required"])
        assert strings[task["question"]] in (question.text, *question.aliases)
        for answer, theirs in zip(question.answers, task["answers"], strict=True):
            label = re.sub(r"!\[[^]]*\]\([^)]*\)", "", strings[theirs["label"]]).strip()
            assert label in answer.aliases
            after = None if answer.next is None else tree.questions[answer.next].aliases[0]
            assert after == (theirs if question.is_single else task).get("next")


def test_galaxy_zoo_decals_has_the_columns_of_published_networks():
    tree = load_built_in("galaxy-zoo-decals")
    assert (tree.n_questions, tree.n_answers) == (11, 41)
    trained = {
        question.key: {answer.key for answer in question.answers}
        for question in tree.questions
        if question.is_single
    }
    assert trained == DECALS_COLUMNS
    rare = tree.question("rare-features")
    assert (rare.kind, rare.required, rare.next) == ("multiple", True, None)
    assert [answer.key for answer in rare.answers] == [
        "ring",
        "lens-or-arc",
        "irregular",
        "dust-lane",
        "overlapping",
        "something-else",
        "nothing-unusual",
    ]


@needs_data
def test_volunteers_columns_of_decals_are_found():
    """All but those of the merging question as it was asked before 2019, which are marked v1."""
    tree = load_built_in("galaxy-zoo-decals")
    with (DATA / "decals_votes" / "votes_full_tree.csv").open(newline="") as file:
        header = next(csv.reader(file))[2:]
    columns = header[: header.index("smooth-or-featured_total-votes")]
    found = [tree.answer_of_column(name) for name in columns if not name.endswith("-v1")]
    assert None not in found
    assert len(set(found)) == 34


def test_three_classes_and_a_way_to_say_that_there_is_no_galaxy():
    tree = load_built_in("three-class")
    assert [answer.key for answer in tree.answers] == [
        "spiral",
        "elliptical",
        "irregular",
        "artifact",
    ]
    assert [answer.next for answer in tree.answers] == [None] * 4


@pytest.mark.parametrize("name", built_in())
def test_every_built_in_tree_can_say_bad_image_first(name):
    tree = load_built_in(name)
    [artifact] = tree.artifacts
    assert (artifact.key, artifact.question, artifact.next) == ("artifact", 0, None)


@pytest.mark.parametrize("name", built_in())
def test_every_built_in_file_is_canonical_and_teaches(name):
    tree = load_built_in(name)
    file = Path(__file__).parents[3] / "inference" / "formats" / "trees" / f"{name}.json"
    assert file.read_text(encoding="utf-8") == tree.to_json()
    for question in tree.questions:
        assert len(re.findall(r"[.?](?: |$)", question.help)) == 2
        for answer in question.answers:
            assert answer.help.endswith(".")
            assert answer.icon
