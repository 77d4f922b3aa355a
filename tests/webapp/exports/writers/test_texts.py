"""CSV and ECSV: text that people, spreadsheets and programs read."""

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from tests.webapp.exports.writers.tables import HEADER, table, write
from webapp.common.cells import as_text
from webapp.exports.writers import Unwritable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.csv"


def names(*texts):
    return table(len(texts), name=np.array(texts, object))


def test_csv_is_plain_and_says_nothing_where_nothing_is_known(path):
    values = names("a", 'say "no", twice')
    values["ra"][1] = np.nan
    values["share"][1] = np.nan
    lines = write("csv", path, values).read_bytes().decode().split("\n")
    assert lines == [
        "source_id,name,ra,share,n,flag,at",
        '9007199254740993,"a",0,0,0,0,"2026-11-26T10:00:00.000000Z"',
        '9007199254740994,"say ""no"", twice",,,1,1,""',
        "",
    ]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@x", "|x", "%x", " =1", "\t1", "\r1", "\n1", "\uff1d1", "\u3000\uff1d1"],
)
def test_what_a_spreadsheet_might_run_has_an_apostrophe(path, text):
    write("csv", path, names(text, "J1-1"))
    frame = pd.read_csv(path, keep_default_na=False)
    assert frame["name"].tolist()[1] == "J1-1"
    raw = write("csv", path, names(text, "J1-1"), formula_safe=False).read_bytes().decode()
    assert f'"{text}"' in raw
    assert f'"\'{text}"' in write("csv", path, names(text)).read_bytes().decode()


@given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_every_text_is_as_safe_as_the_sites_other_cells(tmp_path_factory, text):
    if any("\ud800" <= one <= "\udfff" for one in text):
        return
    path = write("csv", tmp_path_factory.mktemp("csv") / "t.csv", names(text))
    quoted = as_text(text).replace('"', '""')
    assert f',"{quoted}",' in path.read_bytes().decode()


def test_numbers_stay_numbers_and_come_back_as_they_were(path):
    values = table(n=np.array([-1, 0, 1, 2, 3], np.int32))
    values["ra"] = np.array([-1 / 3, 5e-324, 1.7976931348623157e308, 0.1, -0.0])
    read = pd.read_csv(write("csv", path, values))
    assert read["n"].tolist() == [-1, 0, 1, 2, 3]
    assert read["ra"].tolist() == values["ra"].tolist()


def test_ecsv_has_units_descriptions_and_where_it_comes_from(tmp_path):
    path = write("ecsv", tmp_path / "t.ecsv", table())
    read = Table.read(path, format="ascii.ecsv")
    assert path.read_text().startswith("# %ECSV 1.0\n# ---\n")
    assert str(read["ra"].unit) == "deg"
    assert read["share"].description.startswith('Share of "quotes" & <tags>')
    assert read["ra"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert read["share"].dtype == np.float32
    assert read["flag"].dtype == np.int16
    assert read.meta["citation"] == HEADER.citation


def test_ecsv_is_for_programs_and_has_no_apostrophes(tmp_path):
    path = write("ecsv", tmp_path / "t.ecsv", names("=1+1"))
    assert Table.read(path, format="ascii.ecsv")["name"].tolist() == ["=1+1"]


@pytest.mark.parametrize("text", [" x", "x ", "a\rb", "a\x0bb", "a\u2028b"])
def test_texts_that_readers_of_ecsv_change_are_refused(tmp_path, text):
    with pytest.raises(Unwritable, match="which ECSV cannot hold"):
        write("ecsv", tmp_path / "t.ecsv", names(text))
