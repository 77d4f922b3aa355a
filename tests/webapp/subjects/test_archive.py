"""ZIP files that lie: each is refused with its reason, at once and without unpacking anything."""

import contextlib
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webapp.subjects import archive
from webapp.subjects.archive import PictureArchive
from webapp.subjects.rows import RowRefused, SourceRefused


def written(path: Path, members: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SourceRefused) as caught:
        PictureArchive(path)
    return str(caught.value)


def many(count: int) -> bytes:
    """A ZIP file of so many empty members, made without zipfile, which would take minutes."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 6, 0)
    head = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    names = [b"%06x" % number for number in range(count)]
    body = b"".join(local + name for name in names)
    entries = [head[:42] + struct.pack("<L", 36 * at) + name for at, name in enumerate(names)]
    directory = b"".join(entries)
    end_64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), len(body)
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(body) + len(directory), 1)
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), len(directory),
        len(body), 0,
    )  # fmt: skip
    return body + directory + (end_64 + locator if count > 0xFFFE else b"") + end


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.zip"


def test_members_are_read_by_name(path):
    written(path, {"a/b.png": b"1", ".hidden": b"2", "__MACOSX/x": b"3", "c": b""})
    with PictureArchive(path) as file:
        assert file.names() == ["a/b.png", "c"]
        assert file.read("a/b.png") == b"1"
        with pytest.raises(RowRefused, match="not in the ZIP file"):
            file.read("d")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../a", "leads out"),
        ("a/../../b", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:\\a", "backslash"),
        ("C:a", "absolute"),
        ("a//b", "leads out"),
        ("a\x01b", "control"),
        ("x" * 300, "300 characters"),
    ],
)
def test_a_member_whose_name_leads_elsewhere_refuses_the_archive(path, name, words):
    assert words in refusal(written(path, {"good.png": b"1", name: b"2"}))


def test_a_name_with_nul_is_refused(path):
    written(path, {"aXb": b"1"})
    path.write_bytes(path.read_bytes().replace(b"aXb", b"a\0b"))
    assert "control" in refusal(path)


def test_a_link_is_refused(path):
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    assert "a link or a device" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", "1")
        file.writestr("a", "2")
    assert "twice" in refusal(path)


def test_an_encrypted_member_is_refused(path):
    content = bytearray(written(path, {"a": b"1"}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_another_compression_is_refused(path):
    assert "method 14" in refusal(written(path, {"a": b"1"}, compression=zipfile.ZIP_LZMA))


def test_a_bomb_is_refused_by_what_it_would_unpack_to(path):
    written(path, {"a": b"\0" * 60_000_000}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "would unpack to 60,000,000 bytes" in refusal(path)


def test_a_member_that_claims_to_be_small_is_not_unpacked_beyond_its_claim(path):
    written(path, {"a": b"\0" * 1_000_000}, compression=zipfile.ZIP_DEFLATED)
    content = path.read_bytes().replace(struct.pack("<L", 1_000_000), struct.pack("<L", 10))
    path.write_bytes(content)
    with PictureArchive(path) as file, pytest.raises(RowRefused, match="damaged"):
        file.read("a")


def test_a_member_that_claims_to_be_large_is_a_bad_row(path):
    written(path, {"a": b"x" * 1000})
    path.write_bytes(
        path.read_bytes().replace(struct.pack("<2L", 1000, 1000), struct.pack("<2L", 1000, 2000))
    )
    with PictureArchive(path) as file, pytest.raises(RowRefused, match=r"damaged|claims"):
        file.read("a")


def test_a_flipped_byte_is_a_bad_row_and_others_come_in(path):
    written(path, {"a": b"aaaa", "b": b"bbbb"})
    path.write_bytes(path.read_bytes().replace(b"aaaa", b"aaax"))
    with PictureArchive(path) as file:
        with pytest.raises(RowRefused, match="damaged"):
            file.read("a")
        assert file.read("b") == b"bbbb"


def test_members_that_overlap_are_refused(path, tmp_path):
    alone = written(tmp_path / "b.zip", {"b": b"picture"}).read_bytes()
    local_b = alone[: alone.index(b"PK\1\2")]
    raw = bytearray(written(path, {"a": local_b, "b": b"picture"}).read_bytes())
    # The directory's entry of b now points to the copy of b that is the content of a.
    second = raw.rindex(b"PK\1\2")
    raw[second + 42 : second + 46] = struct.pack("<L", raw.index(local_b, 1))
    path.write_bytes(raw)
    assert "overlaps with another" in refusal(path)


def test_a_member_that_is_described_in_two_ways_is_refused(path):
    raw = written(path, {"aaaa": b"1"}).read_bytes()
    path.write_bytes(raw.replace(b"aaaa", b"bbbb", 1))
    assert "described in two ways" in refusal(path)


@pytest.mark.parametrize("change", [lambda raw: b"#!sh\n" + raw, lambda raw: raw + b"tail"])
def test_something_before_or_behind_is_refused(path, change):
    raw = written(path, {"a": b"1"}).read_bytes()
    path.write_bytes(change(raw))
    assert "make it again" in refusal(path)


def test_two_directories_that_disagree_are_refused(path):
    raw = bytearray(many(70_000))
    raw[-12:-10] = b"\1\0"
    path.write_bytes(raw)
    assert "contradict" in refusal(path) or "several" in refusal(path)


def test_a_zip64_archive_within_the_limits_is_read(path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 100_000)
    monkeypatch.setattr(archive, "_MAX_DIRECTORY_BYTES", 40_000_000)
    path.write_bytes(many(66_000))
    with PictureArchive(path) as file:
        assert len(file.names()) == 66_000


def test_a_million_members_are_refused_in_a_second_and_little_memory(path):
    path.write_bytes(many(1_000_000))
    code = (
        "import sys, time; from pathlib import Path; from webapp.subjects import archive\n"
        "import resource; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "started = time.monotonic()\n"
        "try: archive.PictureArchive(Path(sys.argv[1]))\n"
        "except archive.SourceRefused as refusal: print(refusal)\n"
        "took = time.monotonic() - started\n"
        "print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    words, figures = said.stdout.splitlines()
    took_s, grown_kb = map(float, figures.split())
    assert "1,000,000 members" in words
    assert took_s < 1
    assert grown_kb < 100_000


def test_a_directory_that_claims_few_members_and_holds_many_is_refused(path):
    raw = bytearray(many(2000))
    raw[-14:-10] = struct.pack("<2H", 3, 3)
    path.write_bytes(raw)
    assert "contradicts itself" in refusal(path)


def test_a_zip_in_a_zip_is_a_picture_of_no_kind(path, tmp_path):
    inner = written(tmp_path / "inner.zip", {"a": b"1"}).read_bytes()
    with PictureArchive(written(path, {"inner.png": inner})) as file:
        assert file.read("inner.png").startswith(b"PK")  # the decoder refuses it by its content


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_ends_in_a_sentence(tmp_path, data):
    raw = bytearray(written(tmp_path / "b.zip", {"a": b"12345", "b/c": b"678"}).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    path = tmp_path / "a.zip"
    path.write_bytes(raw)
    with contextlib.suppress(SourceRefused), PictureArchive(path) as file:
        for name in file.names():
            with contextlib.suppress(RowRefused):
                file.read(name)


def test_nothing_is_written_to_disk(path, tmp_path):
    written(path, {"../../evil": b"1", "a": b"2"})
    before = set(tmp_path.parent.rglob("*"))
    refusal(path)
    assert set(tmp_path.parent.rglob("*")) == before
