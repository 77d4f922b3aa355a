import os
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from inference.formats.card import InputSpec
from inference.formats.catalog import CatalogRefused, write_catalog
from inference.formats.claims import Claims
from inference.formats.run import (
    CANCELLED,
    DONE,
    FAILED,
    Result,
    RunFolder,
    RunRefused,
    now,
)
from inference.formats.stamps import StampsRefused, write_stamps
from tests.inference.formats.catalogs import catalog_of

SPEC = InputSpec(16, 0.5)


def pictures(n, size_px=16):
    return np.arange(n * size_px * size_px * 3).astype(np.uint8).reshape(n, size_px, size_px, 3)


def made(path, tree, **fields):
    defaults: dict[str, Any] = {
        "catalog": catalog_of(tree),
        "blocks": [pictures(4)],
        "spec": SPEC,
        "config": {"epochs": 3, "architecture": "own"},
        "training_data": "Votes of ours.\nCC BY.",
    }
    return RunFolder.create(path, **(defaults | fields))


@pytest.fixture
def run(tmp_path, menu):
    return made(tmp_path / "run", menu)


# The request.


def test_what_is_asked_for_comes_back(run, menu):
    request = run.read_request()
    assert request.config == {"epochs": 3, "architecture": "own"}
    assert request.input == SPEC
    assert request.tree_sha256 == menu.sha256
    assert request.parent_sha256 == ""
    assert request.training_data == "Votes of ours.\nCC BY."
    assert run.read_tree() == menu
    assert run.read_catalog().subject_ids == catalog_of(menu).subject_ids
    assert np.array_equal(run.open_stamps(request.input, 4), pictures(4))
    assert run.open_unlabeled(request.input) is None


def test_each_run_has_an_id_of_its_own(tmp_path, menu):
    ids = {made(tmp_path / name, menu).read_request().run_id for name in "abc"}
    assert len(ids) == 3


def test_the_folder_holds_the_files_of_the_design_and_nothing_else(run):
    found = sorted(str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file())
    assert found == ["catalog.parquet", "request.json", "stamps/images.npy", "tree.json"]


def test_an_empty_folder_may_be_there(tmp_path, menu):
    assert made(tmp_path, menu).is_ready()


def test_a_folder_that_holds_something_is_left_alone(tmp_path, menu):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunRefused, match=r"is there already and not empty: name a new folder"):
        made(tmp_path, menu)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunRefused, match=r"Not a directory\): name a new folder"):
        made(tmp_path / "file", menu)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.tex"]


def broken_catalog(tree):
    catalog = catalog_of(tree)
    catalog.votes[0, 0] = np.nan
    return catalog


def failing():
    yield pictures(2)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (lambda tree: {"blocks": [pictures(3)]}, StampsRefused),
        (lambda tree: {"blocks": [pictures(4, 32)]}, StampsRefused),
        (lambda tree: {"blocks": failing()}, KeyboardInterrupt),
        (lambda tree: {"catalog": broken_catalog(tree)}, CatalogRefused),
        (lambda tree: {"config": {"learning_rate": float("nan")}}, RunRefused),
        (lambda tree: {"config": {"seed": np.int64(1)}}, RunRefused),
        (lambda tree: {"training_data": "a" * 20_001}, RunRefused),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_run_that_cannot_be_made_leaves_the_place_as_it_was(
    tmp_path, menu, fields, error, is_there
):
    path = tmp_path / "run"
    if is_there:
        path.mkdir()
    with pytest.raises(error):
        made(path, menu, **fields(menu))
    assert path.exists() == is_there
    assert [p for p in tmp_path.rglob("*") if p != path] == []


def test_a_folder_is_no_run_while_it_is_being_made(tmp_path, menu):
    run = RunFolder(tmp_path / "run")

    def watched():
        assert not run.is_ready()
        with pytest.raises(RunRefused, match=r"was never finished, or is no run: request.json is"):
            run.read_request()
        yield pictures(4)

    made(run.path, menu, blocks=watched())
    assert run.is_ready()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunRefused, match=r"request.json is missing or no plain file, so make the"):
        RunFolder(tmp_path).read_request()
    assert not RunFolder(tmp_path / "none").is_ready()


@pytest.mark.parametrize("name", ["catalog.parquet", "stamps/images.npy", "tree.json"])
def test_a_file_that_is_missing_is_named(run, name):
    (run.path / name).unlink()
    with pytest.raises(RunRefused, match=f"is incomplete: {name.rpartition('/')[2]} is missing"):
        run.read_request()


@pytest.mark.parametrize("name", ["catalog.parquet", "stamps/images.npy"])
@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:100] + bytes([d[100] ^ 1]) + d[101:], lambda d: b""]
)
def test_a_file_that_was_cut_off_or_changed_is_named(run, name, damage):
    path = run.path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunRefused, match=f"^{path.name} of the run run has the SHA-256.*again"):
        run.read_request()


def test_a_tree_that_was_cut_off_or_changed_is_named(run):
    text = run.tree_path.read_text()
    run.tree_path.write_text(text[: len(text) // 2])
    with pytest.raises(
        RunRefused, match=r"tree.json of the run run is no tree: make the run again"
    ):
        run.read_request()
    run.tree_path.write_text(text.replace("Menu", "Menus"))
    with pytest.raises(RunRefused, match=r"tree.json of the run run is the tree .* expects"):
        run.read_request()


def test_a_catalog_of_another_tree_is_refused(run, menu):
    other = menu.for_campaign("dr5")
    write_catalog(catalog_of(other), run.catalog_path)
    with pytest.raises(RunRefused, match=r"catalog.parquet of the run run is about the tree"):
        run.read_catalog()


@pytest.mark.parametrize("kept", [0, 1, 100, 300])
def test_a_request_cut_off_anywhere_is_refused(run, kept):
    run.request_path.write_bytes(run.request_path.read_bytes()[:kept])
    with pytest.raises(RunRefused, match=r"request.json of the run run cannot be read"):
        run.read_request()


@pytest.mark.parametrize(
    "name", ["request.json", "tree.json", "catalog.parquet", "stamps/images.npy", "stamps"]
)
def test_links_are_not_followed(run, tmp_path, name):
    (run.path / name).rename(tmp_path / "elsewhere")
    (run.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunRefused, match=r"is missing or no plain file"):
        run.read_request()
    read = {"catalog.parquet": run.read_catalog, "stamps": lambda: run.open_stamps(SPEC, 4)}
    with pytest.raises(RunRefused, match=r"is missing or no plain file"):
        read.get(name.partition("/")[0], run.read_request)()


def test_a_pipe_in_place_of_a_file_does_not_hold_the_reader_up(run):
    for path in (run.catalog_path, run.request_path):
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(RunRefused, match=r"no plain file"):
            run.read_request()


# The pictures.


def test_pictures_of_a_second_survey_are_read_however_many(run):
    write_stamps(run.unlabeled_path, [pictures(7)], n=7, size_px=16)
    assert np.array_equal(run.open_unlabeled(SPEC), pictures(7))
    with pytest.raises(StampsRefused, match=r"7 pictures of 16 px, and 7 of 32 px are wanted"):
        run.open_unlabeled(InputSpec(32))
    run.unlabeled_path.write_bytes(run.unlabeled_path.read_bytes()[:-1])
    with pytest.raises(StampsRefused, match=r"unlabeled.npy has .* bytes"):
        run.open_unlabeled(SPEC)


# Signals.


def test_one_worker_has_a_run(run):
    assert run.claimed_by() is None
    assert run.claim("alice")
    assert not run.claim("bob")
    assert run.claimed_by() == "alice"
    run.release("bob")
    assert run.claimed_by() == "alice"
    run.release("alice")
    assert run.claim("bob")


def test_a_dead_workers_claim_is_broken_once(run):
    run.claim("dead")
    assert run.break_claim("dead")
    assert not run.break_claim("dead")
    assert run.claim("alice")
    assert not run.break_claim("dead")
    assert run.claimed_by() == "alice"


def test_a_new_worker_changes_the_heartbeat_before_it_has_the_run(run, monkeypatch):
    """Or who waited for the dead worker's next beat would take the new one for dead."""
    run.claim("dead")
    beat = run.read_heartbeat()["beat"]
    run.break_claim("dead")
    seen = []

    def take(*_):
        seen.append(run.read_heartbeat()["beat"])
        return True

    monkeypatch.setattr(Claims, "take", take)
    run.claim("alice")
    assert seen == [beat + 1]


def test_who_does_not_get_the_run_does_not_touch_the_heartbeat(run):
    run.claim("alice")
    before = run.read_heartbeat()
    run.claim("bob")
    assert run.read_heartbeat() == before


def test_a_folder_that_cannot_be_written_to_is_named(run, monkeypatch):
    def refuse(*_args, **_facts):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(RunFolder, "write_heartbeat", refuse)
    with pytest.raises(RunRefused, match=r"cannot be claimed \(Permission denied\): let this user"):
        run.claim("alice")


def test_a_run_is_cancelled_from_outside(run):
    assert not run.is_cancelled()
    run.cancel()
    run.cancel()
    assert run.is_cancelled()


# What the work tells.


def test_each_heartbeat_differs_from_the_one_before(run):
    assert run.read_heartbeat() == {}
    for beat in (1, 2, 3):
        run.write_heartbeat(epoch=7, beat=1)
        assert run.read_heartbeat()["beat"] == beat
    assert run.read_heartbeat()["epoch"] == 7


@pytest.mark.parametrize("content", ["", "{", "[]", '{"beat": "1"}', '{"beat": true}', "{}", "\0"])
def test_a_heartbeat_that_cannot_be_read_is_none_and_the_next_one_is(run, content):
    run.heartbeat_path.write_text(content)
    assert run.read_heartbeat() == {}
    run.write_heartbeat()
    assert run.read_heartbeat()["beat"] == 1


def test_a_heartbeat_that_is_a_link_is_none(run, tmp_path):
    (tmp_path / "theirs").write_text('{"beat": 5}')
    run.heartbeat_path.symlink_to(tmp_path / "theirs")
    assert run.read_heartbeat() == {}


def test_figures_come_back_in_order_and_a_later_line_counts(run):
    assert run.read_metrics() == []
    for epoch, loss in ((1, 3.0), (2, 2.0), (2, 2.5), (3, 1.0)):
        run.append_metrics({"epoch": epoch, "loss": loss})
    assert [(row["epoch"], row["loss"]) for row in run.read_metrics()] == [
        (1, 3.0),
        (2, 2.5),
        (3, 1.0),
    ]


def test_a_line_of_figures_that_was_cut_off_is_left_out_and_harms_no_other(run):
    run.append_metrics({"epoch": 1})
    with run.metrics_path.open("a") as file:
        file.write('{"epoch": 2, "lo')
    assert run.read_metrics() == [{"epoch": 1}]
    run.append_metrics({"epoch": 2})
    assert run.read_metrics() == [{"epoch": 1}, {"epoch": 2}]


def test_lines_that_are_no_figures_are_left_out(run):
    run.metrics_path.write_bytes(
        b'[1]\n\xff\xfe\n1\n{"loss": NaN}\n{"epoch": [1]}\n{"epoch": 1}\n\n'
    )
    assert run.read_metrics() == [{"epoch": [1]}, {"epoch": 1}]


def test_figures_that_are_no_numbers_are_not_written(run):
    with pytest.raises(ValueError, match=r"JSON"):
        run.append_metrics({"loss": float("nan")})
    assert run.read_metrics() == []


def test_the_log_has_a_line_for_each_thing_said(run):
    run.say("one")
    run.say("two")
    assert [line.split(" ", 1)[1] for line in run.log_path.read_text().splitlines()] == [
        "one",
        "two",
    ]


# The end.


def test_a_run_that_goes_on_has_no_result(run):
    assert run.read_result() is None


def test_a_result_comes_back(run):
    run.model_path.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    result = Result(DONE, now(), model_sha256=empty, metrics={"nll": 1.5})
    run.write_result(result)
    assert run.read_result() == result


@pytest.mark.parametrize("status", [FAILED, CANCELLED])
def test_a_run_without_a_model_has_a_result_too(run, status):
    run.write_result(Result(status, now(), error="The loss is NaN: lower learning_rate."))
    assert run.read_result().error == "The loss is NaN: lower learning_rate."


def test_a_model_that_is_not_the_one_of_the_result_is_refused(run):
    run.write_result(Result(DONE, now(), model_sha256="ab" * 32))
    with pytest.raises(RunRefused, match=r"model.onnx is missing"):
        run.read_result()
    run.model_path.write_bytes(b"other")
    with pytest.raises(RunRefused, match=r"model.onnx of the run run has the SHA-256 .*do not use"):
        run.read_result()


def test_a_catalog_that_was_damaged_after_the_request_is_refused(run):
    table = pq.read_table(run.catalog_path)
    pq.write_table(table.replace_schema_metadata(None), run.catalog_path)
    with pytest.raises(CatalogRefused):
        run.read_catalog()


@pytest.mark.parametrize("content", ["", "{", '{"format": 1}', '{"format": 9, "status": "done"}'])
def test_a_damaged_result_is_refused(run, content):
    run.result_path.write_text(content)
    with pytest.raises(RunRefused, match=r"result"):
        run.read_result()


def test_a_result_that_nobody_could_read_is_not_written(run):
    with pytest.raises(RunRefused):
        run.write_result(Result("finished", now()))
    assert not run.result_path.exists()
