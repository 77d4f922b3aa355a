"""The limits of a check, how it ends where they are hit, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from inference.vision import check as check_module
from inference.vision.check import check_model
from inference.vision.child import Child, ChildEnded
from inference.vision.model_file import CheckUnavailable
from tests.inference.models import tiny_model
from tests.inference.vision.strangers import node, numbers, put_before, refusal, written

ROOT = Path(__file__).parents[3]
LIMITS = ("memory", "cpu time", "no network", "empty folder", "no new files", "no new processes")
pytestmark = pytest.mark.processes


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """Where temporary folders are made, and the processes that were started."""
    folder, started = tmp_path / "temporary", []
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    class Noted(Child):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self.process_id)

    monkeypatch.setattr(check_module, "Child", Noted)
    yield folder, started
    assert list(folder.iterdir()) == []
    assert not any(Path(f"/proc/{process_id}").exists() for process_id in started)


def test_every_limit_holds_and_nothing_is_left_behind(tmp_path, traces):
    checked = check_model(tiny_model(tmp_path))
    assert checked.limits == dict.fromkeys(LIMITS, True)
    assert len(traces[1]) == 1


def test_a_child_that_is_not_limited_says_so(tmp_path):
    program = (
        "import json; from inference.vision.checking import _limits as f\nprint(json.dumps(f()))"
    )
    (tmp_path / "something").touch()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == dict.fromkeys(LIMITS, False)


def test_a_folder_and_too_large_a_file_are_refused_before_a_child_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(check_module, "Child", None)
    assert "is a folder" in refusal(tmp_path)
    path = tmp_path / "large.onnx"
    path.touch()
    os.truncate(path, 3_000_000_000)
    assert "has 3,000,000,000 bytes, and at most 500,000,000 are accepted" in refusal(path)
    assert "at most 1,000 are accepted" in refusal(tiny_model(tmp_path), max_bytes=1000)


# Limits, and what is left behind


def hours_of_work(model):
    """A thousand products of large matrices, whose size depends on nothing but the weights."""
    steps = [node("MatMul", f"p{i} p{i}", f"p{i + 1}") for i in range(1000)]
    put_before(
        "alpha",
        node("ConstantOfShape", "side", "p0"),
        *steps,
        node("ReduceMax", "p1000", "largest", keepdims=0),
        node("Add", "raw largest", "alpha"),
        weights=[numbers("side", np.array([3000, 3000]))],
    )(model)


@pytest.mark.usefixtures("traces")
def test_a_model_that_computes_too_long_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(check_module, "_CLOCK", 100)
    path = tiny_model(tmp_path, change=hours_of_work)
    assert "took more than 1 s of processor time to check and was stopped" in refusal(
        path, timeout_s=1
    )


@pytest.mark.usefixtures("traces")
def test_a_child_that_never_answers_is_stopped_by_the_clock(tmp_path, monkeypatch):
    send = Child.send

    def stop_and_send(child, content, fields=None):
        os.kill(child.process_id, signal.SIGSTOP)
        send(child, content, fields)

    monkeypatch.setattr(Child, "send", stop_and_send)
    sentence = refusal(tiny_model(tmp_path), timeout_s=0.2)
    assert "took more than 0.4 s to check and was stopped" in sentence


@pytest.mark.usefixtures("traces")
def test_memory_is_limited_as_said(tmp_path):
    size = [10_000, 10_000]  # 400 MB
    change = put_before(
        "alpha",
        node("ConstantOfShape", "size", "zeros"),
        node("ReduceMax", "zeros", "zero", keepdims=0),
        node("Add", "raw zero", "alpha"),
        weights=[numbers("size", np.array(size))],
    )
    path = tiny_model(tmp_path, change=change)
    assert "needs more than 500 MB of memory" in refusal(path, memory_mb=500)
    assert check_model(path, memory_mb=2000).card.model_id == "tiny-0"


def after_the_start(monkeypatch, reply):
    """Let a child's replies, but for its first, come from this function."""
    wait_until_ready = Child._wait_until_ready

    def start(child, name):
        wait_until_ready(child, name)
        monkeypatch.setattr(Child, "reply", reply)

    monkeypatch.setattr(Child, "_wait_until_ready", start)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.usefixtures("traces")
def test_a_killed_child_is_a_sentence_and_leaves_nothing_behind(tmp_path, monkeypatch, number):
    reply = Child.reply

    def kill_and_reply(child, timeout_s):
        os.kill(child.process_id, number)
        return reply(child, timeout_s)

    after_the_start(monkeypatch, kill_and_reply)
    assert f"model.onnx ended the process that checks it ({number.name}; it may use" in refusal(
        tiny_model(tmp_path)
    )


@pytest.mark.usefixtures("traces")
def test_a_refusal_leaves_nothing_behind(tmp_path):
    refusal(written(tmp_path, b"no model"))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"metadata": {}, "outputs": [], "provider": "", "limits": {}},
        {"metadata": [], "outputs": None, "provider": 1, "limits": 3},
    ],
)
@pytest.mark.usefixtures("traces")
def test_an_answer_without_sense_is_a_sentence(tmp_path, monkeypatch, answer):
    after_the_start(monkeypatch, lambda child, timeout_s: (answer, []))
    sentence = refusal(tiny_model(tmp_path))
    assert "ended the process that checks it (an answer without sense;" in sentence


@pytest.mark.usefixtures("traces")
def test_what_a_child_says_stays_on_one_line(tmp_path, monkeypatch):
    answer = {"refused": "a\nb\x1b[31m" + "c" * 10_000}
    after_the_start(monkeypatch, lambda child, timeout_s: (answer, []))
    assert len(refusal(tiny_model(tmp_path))) == 2000


def test_a_reply_without_end_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.vision.child._MAX_REPLY_BYTES", 1000)
    (tmp_path / "talking.py").write_text("import sys\nwhile True: sys.stdout.write('\\x7f' * 4000)")
    monkeypatch.setattr(
        "inference.vision.child._environment", lambda folder: {"PYTHONPATH": str(tmp_path)}
    )
    with pytest.raises(RuntimeError, match="its reply is longer than 1,000 bytes") as caught:
        Child("talking", (), folder=str(tmp_path))
    assert isinstance(caught.value.__cause__, ChildEnded)


# Where it cannot be checked


def test_without_the_package_onnx_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckUnavailable, match="install the extra `check`"):
        check_model(tiny_model(tmp_path))


@pytest.mark.usefixtures("traces")
def test_a_child_that_does_not_start_is_not_the_files_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.vision.child._environment", lambda folder: {"HOME": folder})
    with pytest.raises(CheckUnavailable, match=r"The checking process did not start \(exit code 1"):
        check_model(tiny_model(tmp_path))
