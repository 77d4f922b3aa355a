"""Reading a model file: within a limit, without waiting, and nothing that is no file."""

import os
from pathlib import Path

import pytest

from inference.vision.model_file import MAX_MODEL_BYTES, ModelRefused, name_of, read_model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def refusal(path, **options):
    with pytest.raises(ModelRefused) as caught:
        read_model(path, **options)
    return str(caught.value)


def test_a_file_is_read_whole(path):
    content = os.urandom(100_000)
    path.write_bytes(content)
    assert read_model(path) == content


def test_a_file_may_have_as_many_bytes_as_the_limit_and_no_more(path):
    path.write_bytes(bytes(1000))
    assert len(read_model(path, 1000)) == 1000
    assert refusal(path, max_bytes=999).startswith(
        "model.onnx has 1,000 bytes, and at most 999 are accepted"
    )


def test_three_gigabytes_are_refused_unread(path, monkeypatch):
    path.touch()
    os.truncate(path, 3_000_000_000)  # a hole: it takes no room on the disk
    monkeypatch.setattr("inference.vision.model_file.open", _unreadable, raising=False)
    assert "3,000,000,000 bytes, and at most 500,000,000" in refusal(path)
    assert MAX_MODEL_BYTES == 500_000_000


def _unreadable(descriptor, mode):
    file = os.fdopen(descriptor, mode)
    file.read = None
    return file


def test_an_empty_file_is_refused(path):
    path.touch()
    assert refusal(path) == "model.onnx is empty (0 bytes): copy the file again."


def test_a_folder_is_refused(path):
    path.mkdir()
    assert refusal(path) == "model.onnx is a folder: name a file in it."


def test_a_pipe_is_refused_without_waiting_for_a_writer(path):
    os.mkfifo(path)
    assert "model.onnx is no file" in refusal(path)


def test_a_device_is_refused():
    assert "zero is no file" in refusal(Path("/dev/zero"))


def test_a_missing_file_and_an_impossible_name_are_refused(path):
    assert "model.onnx cannot be read (No such file or directory)" in refusal(path)
    assert "cannot be read (embedded null byte)" in refusal(Path("a\0b"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="files that never rest")
def test_a_file_that_is_longer_than_the_system_says_is_refused():
    assert "still being written" in refusal(Path("/proc/self/status"))


def test_a_name_is_shown_on_one_line_and_not_for_ever():
    assert name_of(Path("folder/my model.onnx")) == "my model.onnx"
    assert name_of(Path("a\n\x1b[31m\udcff.onnx")) == r"'a\n\x1b[31m\udcff.onnx'"
    assert len(name_of(Path("a" * 250))) == 60
