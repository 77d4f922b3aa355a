"""A file of predictions holds what was written, and has its name only when it is whole."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.formats import predictions as module
from inference.formats.predictions import (
    METADATA_KEY,
    Predictions,
    PredictionsRefused,
    PredictionsWriter,
    read_predictions,
)
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.test_card import card_of

SHA256 = "ab" * 32
TREES = ["three-class", "galaxy-zoo-2", "galaxy-zoo-decals"]


def rows_of(tree, n, *, bad=(), seed=0):
    random = np.random.default_rng(seed)
    k = tree.n_answers
    arrays = {
        "alpha": random.uniform(1, 100, (n, k)),
        "fraction": random.random((n, k)),
        "lower_90": random.random((n, k)),
        "upper_90": random.random((n, k)),
        "reached": random.random((n, tree.n_questions)),
        "ignorance": random.random(n),
        "embedding": random.normal(size=(n, 128)),
    }
    for values in arrays.values():
        values[list(bad)] = np.nan
    names = [f"galaxy {seed} {place}.jpg" for place in range(n)]
    errors = ["cut off" if place in bad else None for place in range(n)]
    return Predictions(names, errors, **arrays)


def writer(path, tree):
    return PredictionsWriter(path, card_of(tree), sha256=SHA256, provider="CPUExecutionProvider")


@pytest.mark.parametrize("key", TREES)
def test_what_is_written_comes_back_under_the_names_of_the_tree(tmp_path, key):
    tree = load_built_in(key)
    rows = rows_of(tree, 5)
    with writer(tmp_path / "p.parquet", tree) as out:
        out.write(rows)
    table, _ = read_predictions(tmp_path / "p.parquet")
    assert table["picture"].to_pylist() == rows.pictures
    assert table["error"].to_pylist() == [None] * 5
    for answer in tree.answers:
        for what in ("fraction", "lower_90", "upper_90", "alpha"):
            column = table[f"{tree.column(answer)}_{what}"].to_numpy()
            np.testing.assert_array_equal(column, getattr(rows, what)[:, answer.index].astype("f4"))
    for question in tree.questions:
        stem = tree.column(question.answers[0]).rsplit("_", 1)[0]
        column = table[f"{stem}_reached"].to_numpy()
        np.testing.assert_array_equal(column, rows.reached[:, question.index].astype("f4"))
    np.testing.assert_array_equal(table["ignorance"], rows.ignorance.astype("f4"))
    embedding = np.array(table["embedding"].to_pylist())
    np.testing.assert_array_equal(embedding, rows.embedding.astype("f2"))


def test_the_file_says_which_model_it_is_from(tmp_path):
    tree = load_built_in("galaxy-zoo-2")
    with writer(tmp_path / "p.parquet", tree):
        pass
    table, about = read_predictions(tmp_path / "p.parquet")
    assert table.num_rows == 0
    assert Tree.parse(about.pop("tree")) == tree
    assert about == {
        "format": 1,
        "model_sha256": SHA256,
        "model_id": "starter",
        "provider": "CPUExecutionProvider",
    }


def test_a_picture_without_a_result_has_its_reason_and_no_values(tmp_path):
    tree = load_built_in("three-class")
    with writer(tmp_path / "p.parquet", tree) as out:
        out.write(rows_of(tree, 3, bad=[1]))
    table, _ = read_predictions(tmp_path / "p.parquet")
    good, bad, _ = table.to_pylist()
    assert bad.pop("error") == "cut off"
    assert bad.pop("picture") == "galaxy 0 1.jpg"
    assert set(bad.values()) == {None}
    assert None not in (value for name, value in good.items() if name != "error")


def test_batches_keep_their_order_in_row_groups_of_a_useful_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 100)
    tree = load_built_in("three-class")
    sizes = [40, 0, 70, 1, 250, 30, 30]
    with writer(tmp_path / "p.parquet", tree) as out:
        for seed, n in enumerate(sizes):
            out.write(rows_of(tree, n, bad=[0] if n else [], seed=seed))
    table, _ = read_predictions(tmp_path / "p.parquet")
    expected = [f"galaxy {seed} {place}.jpg" for seed, n in enumerate(sizes) for place in range(n)]
    assert table["picture"].to_pylist() == expected
    groups = pq.ParquetFile(tmp_path / "p.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [110, 251, 60]


def test_names_that_are_no_utf_8_are_written_escaped(tmp_path):
    tree = load_built_in("three-class")
    rows = rows_of(tree, 2)
    names = ["galaxy\udcff.jpg", "Galaxie ü 星系\n.jpg"]
    with writer(tmp_path / "p.parquet", tree) as out:
        out.write(Predictions(**(vars(rows) | {"pictures": names})))
    table, _ = read_predictions(tmp_path / "p.parquet")
    assert table["picture"].to_pylist() == ["galaxy\\udcff.jpg", "Galaxie ü 星系\n.jpg"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("older", [None, b"an older file"])
def test_a_job_that_fails_leaves_no_file_and_keeps_an_older_one(tmp_path, error, older):
    tree = load_built_in("three-class")
    path = tmp_path / "p.parquet"
    if older:
        path.write_bytes(older)

    def job():
        with writer(path, tree) as out:
            out.write(rows_of(tree, 10_000))
            raise error

    with pytest.raises(error):
        job()
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([older] if older else [])


def test_the_first_error_is_the_one_that_is_told(tmp_path, monkeypatch):
    tree = load_built_in("three-class")

    def job():
        with writer(tmp_path / "p.parquet", tree) as out:
            monkeypatch.setattr(out._file, "write_table", lambda _: 1 / 0)
            out.write(rows_of(tree, 3))
            raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        job()


def test_nothing_has_the_name_before_the_end(tmp_path):
    tree = load_built_in("three-class")
    with writer(tmp_path / "p.parquet", tree) as out:
        out.write(rows_of(tree, 10_000))
        assert not (tmp_path / "p.parquet").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


@pytest.mark.parametrize("name", ["no/such/folder/p.parquet", "folder", "x" * 300, "nul\0"])
def test_a_place_that_cannot_be_written_to_is_refused_at_once(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(PredictionsRefused, match="name a file in"):
        writer(tmp_path / name, load_built_in("three-class")).__enter__()
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("n", [10, 10_000])
def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path, monkeypatch, n):
    tree = load_built_in("three-class")

    def full(*_):
        raise OSError(28, "No space left on device")

    def job():
        with writer(tmp_path / "p.parquet", tree) as out:
            monkeypatch.setattr(out._file, "write_table", full)
            out.write(rows_of(tree, n))

    with pytest.raises(PredictionsRefused, match=r"No space left on device.*with space"):
        job()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["errors", "alpha", "reached", "ignorance", "embedding"])
def test_arrays_of_another_shape_are_an_error_of_the_caller(tmp_path, part):
    tree = load_built_in("three-class")
    rows = rows_of(tree, 4)
    short = Predictions(**(vars(rows) | {part: getattr(rows, part)[:3]}))
    with pytest.raises(ValueError, match=f"^{part} is "), writer(tmp_path / "p", tree) as out:
        out.write(short)


def test_other_files_are_refused_by_the_reader(tmp_path):
    (tmp_path / "text").write_text("picture,error\n")
    pq.write_table(pa.table({"picture": ["a"]}), tmp_path / "bare.parquet")
    about = {METADATA_KEY: json.dumps({"format": 2})}
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(about), tmp_path / "newer.parquet")
    for name in ("text", "bare.parquet", "missing", "."):
        with pytest.raises(PredictionsRefused, match="holds no predictions"):
            read_predictions(tmp_path / name)
    with pytest.raises(PredictionsRefused, match="of format 2, and this software reads 1"):
        read_predictions(tmp_path / "newer.parquet")


def test_a_truncated_file_is_refused(tmp_path):
    tree = load_built_in("three-class")
    path = tmp_path / "p.parquet"
    with writer(path, tree) as out:
        out.write(rows_of(tree, 100))
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(PredictionsRefused, match="holds no predictions"):
            read_predictions(path)
