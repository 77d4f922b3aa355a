"""A folder on the server: only regular files in it are read."""

import os

import pytest

from tests import make
from webapp.subjects.folder import PictureFolder
from webapp.subjects.rows import RowRefused, SourceRefused, path_problem, stem


def test_files_are_listed_in_an_order_that_stays_without_hidden_ones(tmp_path):
    for name in ("b/2.png", "b/10.png", "a.png", ".hidden", "b/.x/y.png", "__MACOSX/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    assert PictureFolder(tmp_path).names() == ["a.png", "b/10.png", "b/2.png"]


def test_a_link_that_leads_out_is_refused_and_one_inside_is_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    folder = make.picture_folder(tmp_path / "in", 1)
    (folder / "out.png").symlink_to(tmp_path / "secret")
    (folder / "inside.png").symlink_to(folder / "galaxy-0.png")
    pictures = PictureFolder(folder)
    with pytest.raises(RowRefused, match="leads out of the folder"):
        pictures.read("out.png")
    with pytest.raises(RowRefused, match="leads out of the folder"):
        pictures.read("../secret")
    assert pictures.read("inside.png") == make.picture(0)


def test_a_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(RowRefused, match="no regular file"):
        PictureFolder(tmp_path).read("pipe.png")


def test_a_missing_and_a_huge_file_are_bad_rows(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(60_000_001)
    pictures = PictureFolder(tmp_path)
    with pytest.raises(RowRefused, match="60,000,001 bytes"):
        pictures.read("huge.png")
    (tmp_path / "huge.png").unlink()
    with pytest.raises(RowRefused, match="cannot be read"):
        pictures.read("huge.png")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceRefused, match="check the path"):
        PictureFolder(tmp_path / "gone")


@pytest.mark.parametrize(
    "name", ["", "../a", "a/../b", "/a", "C:/a", "a\\b", "a\0b", "\ud800", "a//b"]
)
def test_names_that_are_no_names_of_pictures(name):
    assert path_problem(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b/J0039.09-03.png", "J0039.09-03"),
        ("x.fits.fz", "x"),
        ("sdss_g.fits.bz2", "sdss_g"),
        ("noending", "noending"),
        (".png", ".png"),
    ],
)
def test_a_stem_keeps_the_dots_of_survey_names(name, expected):
    assert stem(name) == expected
