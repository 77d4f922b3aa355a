"""Parquet: the same types in every reader, and a footer that says what the columns are."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from tests.webapp.exports.evidence import random_evidence
from tests.webapp.exports.writers.tables import table, write
from webapp.exports.columns import catalog_columns, computed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.parquet"


TYPES = {
    "source_id": "int64",
    "name": "string",
    "ra": "double",
    "share": "float",
    "n": "int32",
    "flag": "int16",
    "at": "string",
}


def test_no_value_is_null(path):
    values = table()
    values["ra"][:] = np.nan
    values["name"][:] = ""
    read = pq.read_table(write("parquet", path, values))
    assert {field.name: str(field.type) for field in read.schema} == TYPES
    assert not any(field.nullable for field in read.schema)
    assert not any(column.null_count for column in read.columns)


def test_pandas_and_polars_read_the_same_types(path):
    write("parquet", path, table())
    frame = pd.read_parquet(path)
    assert [str(kind) for kind in frame.dtypes] == [
        "int64", str(frame["name"].dtype), "float64", "float32", "int32", "int16",
        str(frame["at"].dtype),
    ]  # fmt: skip
    assert frame["name"].tolist() == table()["name"].tolist()
    assert frame["source_id"][0] == 9007199254740993
    assert pl.read_parquet(path).dtypes == [
        pl.Int64, pl.String, pl.Float64, pl.Float32, pl.Int32, pl.Int16, pl.String,
    ]  # fmt: skip


@pytest.mark.parametrize("format_", ["parquet", "parquet.votable"])
def test_astropy_finds_units_and_descriptions_in_both_ways(path, format_):
    values = table()
    values["ra"][1] = np.nan
    write("parquet", path, values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = Table.read(path, format=format_)
    assert read.colnames == list(TYPES)
    assert str(read["ra"].unit) == "deg"
    assert read["ra"].description == "Right ascension, ICRS."
    assert read["source_id"].dtype == np.int64
    assert read["source_id"].tolist() == values["source_id"].tolist()
    assert read["name"].tolist() == values["name"].tolist()


def test_astropy_finds_where_the_file_comes_from(path):
    read = Table.read(write("parquet", path, table()), format="parquet")
    assert read.meta["doi"] == "10.5281/zenodo.1"
    assert read["ra"].meta["ucd"] == "pos.eq.ra;meta.main"


def test_a_whole_catalog_is_read_by_all(path):
    evidence = random_evidence(20)
    columns = catalog_columns(evidence.tree)
    write("parquet", path, computed(evidence, columns), columns)
    for format_ in ("parquet", "parquet.votable"):
        assert len(Table.read(path, format=format_).colnames) == len(columns)
    assert pd.read_parquet(path).shape == pl.read_parquet(path).shape == (20, len(columns))


def test_groups_of_rows_do_not_depend_on_the_parts(path):
    write("parquet", path, table(45_000), part=7_000)
    about = pq.read_metadata(path)
    assert [about.row_group(place).num_rows for place in range(about.num_row_groups)] == [
        20_000, 20_000, 5_000,
    ]  # fmt: skip
