"""FITS: what other people's readers and the standard find in it."""

import dataclasses

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from tests.webapp.exports.writers.tables import COLUMNS, HEADER, table, write
from webapp.exports.column import Column, Kind
from webapp.exports.writers import Unwritable, open_writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.fits"


def test_the_standard_is_kept_and_the_check_sums_are_right(path):
    write("fits", path, table(50))
    with fits.open(path, checksum=True) as units:  # a wrong sum would be a warning, and so an error
        units.verify("exception")
        assert [unit.name for unit in units] == ["PRIMARY", "CATALOG"]
        assert units[1].header["DATASUM"] != "0"
        for unit in units:
            assert unit.verify_checksum() == 1
            assert unit.verify_datasum() == 1
    assert path.stat().st_size % 2880 == 0


def test_another_byte_is_found_by_its_check_sum(path):
    write("fits", path, table(50))
    data = bytearray(path.read_bytes())
    data[-2881] ^= 1
    path.write_bytes(data)
    with pytest.warns() as warned:
        fits.getdata(path, 1, checksum=True)
    assert any("Datasum verification failed" in str(one.message) for one in warned)


def test_every_column_says_what_it_is(path):
    write("fits", path, table())
    header = fits.getheader(path, 1)
    assert header["TTYPE3"] == "ra"
    assert header["TFORM3"] == "D"
    assert header["TUNIT3"] == "deg"
    assert header["TUCD3"] == "pos.eq.ra;meta.main"
    assert header["TDISP3"] == "F11.7"
    assert header["TCOMM4"] == COLUMNS[3].description  # longer than a card, with quotes
    assert header["TNULL1"] == -(2**63)
    assert header["TNULL5"] == -(2**31)
    assert header["TNULL6"] == -(2**15)
    assert "TNULL3" not in header
    assert [header[f"TFORM{place}"] for place in (1, 2, 4, 5, 6, 7)] == [
        "K", "5A", "E", "J", "I", "27A",
    ]  # fmt: skip


def test_the_file_says_where_it_comes_from(path):
    write("fits", path, table())
    for extension in (0, 1):
        header = fits.getheader(path, extension)
        assert header["TITLE"] == HEADER.title
        assert header["DATE"] == "2026-11-26T10:00:00"
        assert header["CREATOR"] == "Tuning Fork 0.1.0"
        assert header["RELEASE"] == "dr1"
        assert header["DOI"] == "10.5281/zenodo.1"
        assert header["CITATION"] == HEADER.citation.rstrip()
    assert header["RADESYS"] == "ICRS"


def test_a_header_is_ascii_whatever_it_is_told(path):
    header = dataclasses.replace(HEADER, title="Gälaxies ★ 'x'" + "'" * 140, table="votes")
    with open_writer("fits", path, COLUMNS, header, 5) as writer:
        writer.write(table())
    assert fits.getheader(path, 1)["EXTNAME"] == "VOTES"
    assert fits.getheader(path, 1)["TITLE"] == "Galaxies ? 'x'" + "'" * 140


@pytest.mark.parametrize("n", range(4))
def test_quotes_are_never_torn_apart_between_cards(path, n):
    title = "x" * n + "'" * 100 + " it's"
    with open_writer("fits", path, COLUMNS, dataclasses.replace(HEADER, title=title), 5) as writer:
        writer.write(table())
    assert fits.getheader(path, 1)["TITLE"] == title
    cards = [path.read_bytes()[start : start + 80] for start in range(0, 2880, 80)]
    assert not any(card.count(b"'") % 2 for card in cards if card.startswith((b"T", b"CONT")))


def test_none_is_masked_and_the_value_999999_is_not(path):
    values = table(n=np.array([999999, 0, -1, -(2**31), 5], np.int32))
    write("fits", path, values)
    read = Table.read(path)
    assert read["n"].mask.tolist() == [False, False, False, True, False]
    assert read["n"][0] == 999999
    assert read["source_id"].tolist()[0] == 9007199254740993


def test_a_second_reader_finds_the_same(path):
    values = table(name=np.array(["", "a", "x" * 200, "N/A", "001"], object))
    values["ra"][2] = np.nan
    write("fits", path, values)
    read = fitsio.read(str(path))
    for column in COLUMNS:
        np.testing.assert_array_equal(read[column.name], values[column.name], column.name)


def test_longer_texts_that_follow_move_what_is_written_apart(path):
    n = 9000
    name = np.array(["x" * (1 + row // 1000) for row in range(n)], object)
    write("fits", path, table(n, name=name), part=2500)
    with fits.open(path, checksum=True) as units:
        assert units[1].data["name"].tolist() == name.tolist()
        assert units[1].data["n"].tolist() == list(range(n))


@pytest.mark.parametrize("text", ["Größe", "a\nb", "a\tb", "blank ", "\x7f"])
def test_texts_that_its_readers_change_are_refused(path, text):
    with pytest.raises(Unwritable, match="which FITS cannot hold: choose another format"):
        write("fits", path, table(1, name=np.array([text], object)))


def test_more_columns_than_the_standard_has_are_refused(path):
    columns = [Column(f"c{number}", Kind.INT16, "It.") for number in range(1000)]
    with (
        pytest.raises(Unwritable, match="1,000 columns, and FITS holds at most 999"),
        open_writer("fits", path, columns, HEADER, 0),
    ):
        pass
