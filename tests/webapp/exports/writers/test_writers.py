"""All formats: the same rows come back from each, or are refused with a sentence."""

import csv

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.webapp.exports.evidence import random_evidence
from tests.webapp.exports.reading import read_back
from tests.webapp.exports.writers.tables import COLUMNS, HEADER, table, write
from webapp.exports.column import Column, Kind
from webapp.exports.columns import catalog_columns, computed, names_csv
from webapp.exports.writers import FORMATS, Unwritable, open_writer

LEAST = {Kind.INT64: -(2**63), Kind.INT32: -(2**31), Kind.INT16: -(2**15)}
every_format = pytest.mark.parametrize("format_", FORMATS)


def assert_same(found, values, columns=COLUMNS):
    assert list(found) == [column.name for column in columns]
    for name, column in zip(found, columns, strict=True):
        expected, actual = values[column.name], found[name]
        if column.kind.is_text:
            assert actual.tolist() == expected.tolist(), name
        else:
            assert actual.dtype.newbyteorder("=") == expected.dtype, name
            np.testing.assert_array_equal(actual, expected, name)
            if column.kind.is_float:
                known = ~np.isnan(expected)
                assert (np.signbit(actual) == np.signbit(expected))[known].all(), name


@every_format
def test_what_files_lose_by_habit_survives(tmp_path, format_):
    values = table(
        6,
        source_id=np.array([9007199254740993, 2**63 - 1, 0, 1, -1, LEAST[Kind.INT64]]),
        name=np.array(["", "a, b", "x" * 200, "N/A", 'say "no"', "001"], object),
        ra=np.array([np.nan, -0.0, 1e-300, 359.99999999999994, 0.1, 1 / 3]),
        n=np.array([999999, 0, -1, 2**31 - 1, LEAST[Kind.INT32], 7], np.int32),
        share=np.array([np.nan, 0.1, 1 / 3, -0.0, 1e-38, 1], np.float32),
    )
    path = write(format_, tmp_path / f"t{FORMATS[format_].suffix}", values, formula_safe=False)
    assert_same(read_back(path, COLUMNS), values)


@every_format
def test_all_formats_hold_the_same_catalog(tmp_path, format_):
    evidence = random_evidence(5000, metadata={"z": np.linspace(-1, 1, 5000)})
    columns = catalog_columns(evidence.tree, {"z": Kind.FLOAT64})
    chosen = [column for number, column in enumerate(columns) if number % 7 == 0]
    values = computed(evidence, chosen)
    path = write(format_, tmp_path / f"t{FORMATS[format_].suffix}", values, chosen, part=777)
    assert_same(read_back(path, chosen), values, chosen)


@every_format
def test_every_column_of_the_dictionary_is_in_every_format_and_holds_single_values(
    tmp_path, format_
):
    evidence = random_evidence(3, metadata={"note": np.array(["a", "", "b"], object)})
    columns = catalog_columns(evidence.tree, {"note": Kind.TEXT}, debiased=True)
    path = write(
        format_, tmp_path / f"t{FORMATS[format_].suffix}", computed(evidence, columns), columns
    )
    found = read_back(path, columns)
    assert list(found) == [column.name for column in columns]
    for values in found.values():
        assert values.shape == (3,)
        assert not any(str(value).startswith(("{", "[")) for value in values)


@every_format
def test_galaxy_zoo_names_head_the_same_data(tmp_path, format_):
    evidence = random_evidence(20)
    columns = [one for one in catalog_columns(evidence.tree) if one.question in (None, 4)]
    values = computed(evidence, columns)
    path = write(
        format_,
        tmp_path / f"t{FORMATS[format_].suffix}",
        values,
        columns,
        galaxy_zoo_names=True,
    )
    own_name = {
        row["galaxy_zoo_name"]: row["name"]
        for row in csv.DictReader(names_csv(columns).split("\n"))
    }
    found = read_back(path, columns)
    assert "bar_strong_fraction" in found
    assert_same({own_name[name]: column for name, column in found.items()}, values, columns)


@every_format
@pytest.mark.parametrize("n", [0, 1, 1001])
def test_any_number_of_rows_is_a_table(tmp_path, format_, n):
    path = write(format_, tmp_path / f"t{FORMATS[format_].suffix}", table(n))
    if n:
        assert_same(read_back(path, COLUMNS), table(n))
    else:
        assert path.stat().st_size


@every_format
def test_the_same_rows_give_the_same_bytes_in_whatever_parts_they_come(tmp_path, format_):
    n = 1500
    values = table(n, name=np.array(["x" * (1 + row % 70) for row in range(n)], object))
    whole = write(format_, tmp_path / "whole", values).read_bytes()
    for part in (1, 13, 700):
        assert write(format_, tmp_path / "parts", values, part=part).read_bytes() == whole


_texts = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "=1+1",
        "a,b",
        'a"b',
        "a\nb",
        "\r\n",
        " x",
        "x ",
        "\x00",
        "é",
        "😀",
        "\ud800",
        "<b>&amp;",
        "]]>",
    ]
)
_rows = st.fixed_dictionaries(
    {
        "source_id": st.integers(-(2**63), 2**63 - 1),
        "name": _texts,
        "ra": st.floats(width=64),
        "share": st.floats(width=32),
        "n": st.integers(-(2**31), 2**31 - 1),
        "flag": st.sampled_from([0, 1, -1]),
        "at": st.sampled_from(["", "2026-11-26T10:00:00.000000Z"]),
    }
)
_PLAIN = {"source_id": 1, "name": "", "ra": 0.0, "share": 0.0, "n": 0, "flag": 0, "at": ""}


@every_format
@given(rows=st.lists(_rows, min_size=1, max_size=5))
@example(rows=[_PLAIN, _PLAIN | {"ra": -0.0, "name": "a\nb"}])
@settings(max_examples=40)
def test_random_rows_come_back_or_are_refused_with_a_reason(tmp_path_factory, format_, rows):
    values = {
        column.name: np.array([row[column.name] for row in rows], column.kind.dtype)
        for column in COLUMNS
    }
    path = tmp_path_factory.mktemp("rows") / f"t{FORMATS[format_].suffix}"
    try:
        write(format_, path, values, formula_safe=False)
    except Unwritable as refusal:
        words = str(refusal)
    else:
        words = ""
        assert not np.isinf(values["ra"]).any()
        assert_same(read_back(path, COLUMNS), values)
    assert words.startswith("The galaxy ") != path.exists()


@every_format
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ra", np.inf, "has inf in ra, and a number must be finite"),
        ("share", -np.inf, "has -inf in share"),
        ("name", "\ud800", "characters that UTF-8 has"),
        ("name", None, "has None in name"),
        ("name", 7, "has 7 in name"),
        ("name", "a\x00b", "choose another format|leave the column out"),
    ],
)
def test_what_no_format_can_hold_is_refused_with_the_galaxy(tmp_path, format_, name, value, words):
    values = table()
    values[name][3] = value
    with pytest.raises(Unwritable, match=words) as refused:
        write(format_, tmp_path / "t", values)
    assert "The galaxy 9007199254740996 has" in str(refused.value)
    assert not list(tmp_path.iterdir())


def _die(writer):
    writer.write(table())
    raise RuntimeError("killed")


@every_format
def test_a_file_appears_whole_or_not_at_all(tmp_path, format_):
    path = tmp_path / "t"
    path.write_text("as it was")
    with (
        pytest.raises(RuntimeError, match="killed"),
        open_writer(format_, path, COLUMNS, HEADER, 10) as writer,
    ):
        _die(writer)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


@every_format
@pytest.mark.parametrize("announced", [4, 6])
def test_another_number_of_rows_than_announced_is_no_file(tmp_path, format_, announced):
    with (
        pytest.raises(Unwritable, match=r"5 rows, and \d were announced"),
        open_writer(format_, tmp_path / "t", COLUMNS, HEADER, announced) as writer,
    ):
        writer.write(table())
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_named_with_those_that_there_are(tmp_path):
    with pytest.raises(Unwritable, match=r"'hdf5'\. Use fits, votable, parquet, ecsv, csv"):
        open_writer("hdf5", tmp_path / "t", COLUMNS, HEADER, 1)


@every_format
def test_columns_must_be_there_and_have_names_of_their_own(tmp_path, format_):
    with pytest.raises(Unwritable, match="no columns"):
        open_writer(format_, tmp_path / "t", (), HEADER, 1)
    twice = [*COLUMNS, Column("RA", Kind.TEXT, "Again.")]
    with pytest.raises(Unwritable, match="Two columns are called 'RA'"):
        open_writer(format_, tmp_path / "t", twice, HEADER, 1)


@every_format
def test_values_of_another_type_are_the_programs_fault(tmp_path, format_):
    with (
        pytest.raises(TypeError),
        open_writer(format_, tmp_path / "t", COLUMNS, HEADER, 5) as writer,
    ):
        writer.write(table(n=np.linspace(0, 1, 5)))


@every_format
def test_numbers_that_do_not_fit_never_become_others(tmp_path, format_):
    with (
        pytest.raises(OverflowError, match="flag has values that are no int16"),
        open_writer(format_, tmp_path / "t", COLUMNS, HEADER, 5) as writer,
    ):
        writer.write(table(flag=np.array([0, 1, 2, 3, 40_000])))
