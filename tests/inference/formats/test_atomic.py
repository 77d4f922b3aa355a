import os

import pytest

from inference.formats.atomic import append_line, read_plain, whole_file, write_json, write_text


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a"
    with whole_file(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_goes_wrong_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def fail():
        with whole_file(path) as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "ours")
    assert (tmp_path / "target").read_text() == "theirs"
    assert not (tmp_path / "link").is_symlink()


def test_nan_is_not_written_as_json(tmp_path):
    with pytest.raises(ValueError, match=r"not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_lines_are_added(tmp_path):
    append_line(tmp_path / "log", "one")
    append_line(tmp_path / "log", "zwei ☆ \udcff")
    assert (tmp_path / "log").read_text() == "one\nzwei ☆ ?\n"


def test_a_line_after_one_that_was_cut_off_stands_on_its_own(tmp_path):
    (tmp_path / "log").write_text('{"epoch": 1}\n{"epo')
    append_line(tmp_path / "log", '{"epoch": 2}')
    assert (tmp_path / "log").read_text() == '{"epoch": 1}\n{"epo\n{"epoch": 2}\n'


def test_nothing_is_added_through_a_link(tmp_path):
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "log").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match=r"symbolic links"):
        append_line(tmp_path / "log", "ours")
    assert (tmp_path / "target").read_text() == "theirs"


def test_a_plain_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10)
    assert read_plain(tmp_path / "a", max_bytes=10) == b"x" * 10


def test_what_is_too_large_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 11)
    with pytest.raises(OSError, match=r"larger than 10 bytes"):
        read_plain(tmp_path / "a", max_bytes=10)


def test_links_pipes_devices_and_folders_are_not_read(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", ".", "/dev/zero"):
        with pytest.raises(OSError, match=r"link|plain|No such|directory"):
            read_plain(tmp_path / name, max_bytes=10)
