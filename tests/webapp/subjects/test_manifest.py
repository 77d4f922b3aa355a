"""CSV as people save it, and as nobody should."""

import codecs
import contextlib
import csv
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webapp.subjects.manifest import MAX_LINE, Line, Manifest
from webapp.subjects.rows import SourceRefused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.csv"


def read(path: Path, content: bytes) -> tuple[Manifest, list[Line]]:
    path.write_bytes(content)
    manifest = Manifest(path)
    return manifest, list(manifest.lines())


def refusal(path: Path, content: bytes) -> str:
    with pytest.raises(SourceRefused) as caught:
        read(path, content)
    return str(caught.value)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_encodings_and_separators_are_seen(path, mark, encoding, separator):
    text = separator.join(["name", "ra"]) + "\r\n" + separator.join(["Å", "1"]) + "\r\n"
    manifest, lines = read(path, mark + text.encode(encoding))
    assert (manifest.header, manifest.separator) == (("name", "ra"), separator)
    assert lines == [Line(2, ("Å", "1"))]


def test_names_that_repeat_are_told_apart(path):
    manifest, _ = read(path, b"survey,sdss,survey,,survey,survey (2),\n")
    assert len(set(manifest.header)) == 7
    assert manifest.header[:4] == ("survey", "sdss", "survey (3)", "column 4")
    assert manifest.n_repeated == 4


def test_mixed_line_breaks_keep_their_numbers(path):
    _, lines = read(path, b'a,b\r\n1,2\r3,4\n\n"5\n5",6\r\n7,8')
    assert [line.number for line in lines] == [2, 3, 5, 7]
    assert lines[2].cells == ("5\n5", "6")


def test_bad_rows_say_why_and_the_next_is_read(path):
    _, lines = read(path, b'a,b\n1\n2,"x"y\n3,\0\n4,5,6\n7,8\n')
    problems = {line.number: line.problem for line in lines}
    assert "1 cells and the header 2" in problems[2]
    assert "Line 3 cannot be read: a quote" in problems[3]
    assert "NUL" in problems[4]
    assert "3 cells" in problems[5]
    assert problems[6] == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty (0 bytes)"),
        (b"\n\n", "no header"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16 without a byte-order mark"),
        (b"a,b\n\xe9,2\n", "save it as CSV in UTF-8"),
        (b"\xe9,b\n1,2\n", "UTF-8"),
        (codecs.BOM_UTF16_LE + b"a\0\n\0x", "not UTF-16"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "quote in line 3 of the manifest is never closed"),
        (b'a,b\n1,"' + b"x\n" * 100_000, "quote in line 2"),
        (b"a,b\n" + b"x" * (MAX_LINE + 1), "more than 200,000 characters"),
        (b"x" * 300 + b",b\n", "is the header missing"),
        (b",".join(b"c%d" % n for n in range(501)), "501 columns"),
        (b",".join(b"c%d" % n for n in range(1_000_000)), "more than 200,000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_sentence(path, content, words):
    assert words in refusal(path, content)


def test_a_line_of_a_gigabyte_is_refused_with_little_memory(path):
    with path.open("wb") as file:
        file.write(b"a,b\n")
        file.truncate(1_000_000_000)
    tracemalloc.start()
    try:
        assert "more than 200,000 characters" in refusal_of_file(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def refusal_of_file(path: Path) -> str:
    with pytest.raises(SourceRefused) as caught:
        list(Manifest(path).lines())
    return str(caught.value)


def test_lines_are_read_one_after_another(path):
    with path.open("w") as file:
        file.write("a,b\n")
        file.writelines(f"{n},{'x' * 100}\n" for n in range(10_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in Manifest(path).lines()) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(
    st.lists(st.tuples(words.filter(str.strip), words, words), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_csv_writes_is_read_back(tmp_path, rows, separator, encoding):
    path = tmp_path / "p.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
        writer.writerows([("one", "two", "three"), *rows])
    manifest = Manifest(path)
    assert [line.cells for line in manifest.lines()] == rows
    assert list(manifest.lines()) == list(manifest.lines())


@given(st.binary(max_size=200))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_end_in_lines_or_one_sentence(tmp_path, content):
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    with contextlib.suppress(SourceRefused):
        manifest = Manifest(path)
        for line in manifest.lines():
            assert line.problem or len(line.cells) == len(manifest.header)
