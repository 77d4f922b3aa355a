import dataclasses
import json
import re

import numpy as np
import pytest

from inference.formats.card import Card, InputSpec, Masks
from inference.formats.golden import Golden
from inference.formats.split import CALIBRATION, TEST
from tests.training.drawn import drawn_votes, judged
from training import report
from training.config import Config
from training.report import CARD_JSON, CARD_MD, limits, markdown, write_report

HISTORY = [{"epoch": e, "loss": 9 / e, "validation_loss": 8 / e + 0.1 * e} for e in range(1, 9)]
FILES = {CARD_MD, CARD_JSON, "loss.png", "fractions.png", "confusion.png", "reliability.png"}


@pytest.fixture
def evaluation():
    return judged(*drawn_votes(300, sharpness=4))


@pytest.fixture
def _undrawn(monkeypatch):
    """Plots take most of the time; here they are not looked at."""
    names = FILES - {CARD_MD, CARD_JSON}
    monkeypatch.setattr(report, "drawn", lambda *_: dict.fromkeys(names, b"PNG"))


def card_of(evaluation, **changes):
    fields = {
        "model_id": "three-class-0123abcd",
        "created_at": "2026-11-25T12:00:00Z",
        "tree": evaluation.tree,
        "input": InputSpec(64, 0.5),
        "alpha_form": "softplus",
        "masks": Masks(8, 0.2, 1),
        "golden": Golden(0, ()),
        "calibration": evaluation.calibration,
        "lineage": {
            "catalog_sha256": "ab" * 32,
            "config": {"width": 4},
            "galaxies": {"train": 100, "test": 100},
            "code": "0c0ffee",
            "parent_sha256": "",
            "energy": {"kwh": 0.1234, "basis": "processor estimated", "is_whole": True},
        },
        "training_data": "Votes drawn by a test.",
    }
    return Card(**(fields | changes))


def written(folder, evaluation, **changes):
    write_report(
        folder,
        evaluation,
        card=card_of(evaluation, **changes),
        config=Config(),
        history=HISTORY,
        model_sha256="cd" * 32,
    )
    return folder


def test_a_report_has_a_card_for_people_one_for_programs_and_four_plots(tmp_path, evaluation):
    folder = written(tmp_path / "report", evaluation)
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_every_plot_of_the_card_is_there(tmp_path, evaluation):
    folder = written(tmp_path / "report", evaluation)
    shown = re.findall(r"\]\(([^)]+)\)", (folder / CARD_MD).read_text())
    assert {*shown, CARD_MD, CARD_JSON} == FILES


def test_a_report_can_be_repeated_byte_by_byte(tmp_path, evaluation):
    first = written(tmp_path / "first", evaluation)
    again = written(tmp_path / "again", evaluation)
    for name in FILES:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name


@pytest.mark.usefixtures("_undrawn")
def test_a_report_replaces_the_old_one_as_a_whole(tmp_path, evaluation):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "stale.txt").write_text("old")
    written(folder, evaluation)
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.usefixtures("_undrawn")
def test_a_report_that_fails_leaves_the_old_one(tmp_path, evaluation, monkeypatch):
    folder = written(tmp_path / "report", evaluation)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_):
        raise OSError

    monkeypatch.setattr(report, "drawn", fail)
    with pytest.raises(OSError):
        written(folder, evaluation, model_id="another")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.usefixtures("_undrawn")
def test_the_card_for_programs_holds_all_figures(tmp_path, evaluation):
    values = json.loads((written(tmp_path / "report", evaluation) / CARD_JSON).read_text())
    assert values["evaluation"] == json.loads(json.dumps(evaluation.to_json()))
    assert values["model_sha256"] == "cd" * 32
    assert values["config"] == Config().to_json()
    assert values["lineage"]["energy"]["kwh"] == 0.1234
    assert values["tree"]["sha256"] == evaluation.tree.sha256


def test_the_card_for_people_says_what_was_measured(evaluation):
    text = markdown(evaluation, card_of(evaluation), "cd" * 32)
    first = evaluation.scores.questions["shape"]
    for words in (
        "# three-class-0123abcd",
        "Votes drawn by a test.",
        "python -m inference predict",
        f"On {evaluation.scores.n:,} galaxies never trained on",
        f"{first.rmse.value:.3f} ({first.rmse.lower:.3f} to {first.rmse.upper:.3f})",
        f"{evaluation.mean.nll.value:.3f}",
        f"{evaluation.flat.nll.value:.3f}",
        f"{evaluation.raw.nll.value:.3f}",
        f"shape {evaluation.calibration.scales['shape']:.2f}",
        "- code: 0c0ffee",
        "- galaxies: train 100, test 100",
        "0.123 kWh: processor estimated.",
    ):
        assert words in text, words
    assert "nan" not in text
    assert "width" not in text  # the settings are for programs


def test_each_table_row_has_as_many_cells_as_its_head(evaluation):
    named = dataclasses.replace(evaluation, groups={"a | b\nc": evaluation.scores})
    heights = []
    for table in re.findall(r"(?:^\|.*\n)+", markdown(named, card_of(named)), re.MULTILINE):
        lines = [line.replace(r"\|", "") for line in table.splitlines()]
        assert len({line.count("|") for line in lines}) == 1, table
        heights.append(len(lines))
    assert heights == [3, 6, 3, 3]


def test_an_energy_record_that_was_lost_is_at_least_what_is_left(evaluation):
    energy = {"energy": {"kwh": 2.0, "basis": "x", "is_whole": False}}
    assert "at least 2 kWh" in markdown(evaluation, card_of(evaluation, lineage=energy))


def test_a_card_without_lineage_leaves_it_out(evaluation):
    text = markdown(evaluation, card_of(evaluation, lineage={}))
    assert "## Lineage" not in text
    assert "kWh" not in text


def test_a_question_with_few_galaxies_is_not_to_be_leaned_on():
    few = judged(*drawn_votes(120, sharpness=4))
    many = judged(*drawn_votes(300, sharpness=4))
    assert any("fewer than 50" in line for line in limits(few, card_of(few)))
    assert not any("fewer than 50" in line for line in limits(many, card_of(many)))


def test_a_network_no_better_than_the_mean_says_so(evaluation):
    dataset, alpha = drawn_votes(300, sharpness=4)
    guessing = judged(dataset, np.random.default_rng(1).permutation(alpha))
    words = "No better than the mean fractions in: shape."
    assert words in limits(guessing, card_of(guessing))
    assert words not in limits(evaluation, card_of(evaluation))


def test_intervals_that_claim_too_much_are_named():
    dataset, alpha = drawn_votes(300, sharpness=4)
    splits = np.where(dataset.splits == CALIBRATION, TEST, dataset.splits)
    sure = judged(dataclasses.replace(dataset, splits=splits), alpha * 5)
    found = limits(sure, card_of(sure))
    assert any(line.startswith("Intervals are off by more than 3 points at 50%") for line in found)
    assert any(
        line.startswith("Intervals of 90% are off by more than 3 points in: shape (-")
        for line in found
    )
    assert "Too few galaxies to calibrate the intervals of any question." in found


def test_votes_that_are_no_counts_are_named():
    dataset, alpha = drawn_votes(300, sharpness=4)
    nominal = dataclasses.replace(dataset, nominal=np.ones(300, bool))
    evaluation = judged(nominal, alpha)
    assert any("nominal number" in line for line in limits(evaluation, card_of(evaluation)))
    nominal.nominal[::3] = False
    evaluation = judged(nominal, alpha)
    assert not any("nominal number" in line for line in limits(evaluation, card_of(evaluation)))


def test_a_report_of_no_galaxies_can_be_written(tmp_path):
    dataset, alpha = drawn_votes(60, sharpness=4)
    evaluation = judged(dataclasses.replace(dataset, splits=np.full(60, "train")), alpha)
    folder = written(tmp_path / "report", evaluation)
    assert "nan" not in (folder / CARD_MD).read_text()


def test_a_question_that_nobody_was_asked_has_dashes(tmp_path):
    dataset, alpha = drawn_votes(300, sharpness=4)
    dataset.votes[:] = 0
    dataset.asked[:] = 0
    evaluation = judged(dataset, alpha)
    text = (written(tmp_path / "report", evaluation) / CARD_MD).read_text()
    assert "| shape | 0 | - | - | - | - (0) | - |" in text
