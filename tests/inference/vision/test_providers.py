"""Which provider is asked for, and that what was really got is found out."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.vision import providers
from inference.vision.model_file import NoGpu
from inference.vision.providers import CPU, CUDA, TENSORRT, Provider, check_got, wanted
from inference.vision.runtime import onnxruntime

INFERENCE = Path(providers.__file__).parents[1]


@pytest.fixture
def installed(monkeypatch):
    """Pretend that ONNX Runtime has these providers; return whether CUDA was loaded."""
    loaded = []

    def install(*names):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(names))
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: loaded.append(True))
        return loaded

    return install


def session_on(*names):
    return SimpleNamespace(get_providers=lambda: list(names))


def names_of(asked):
    return [name for name, _ in asked]


@pytest.mark.parametrize("gpu", ["prefer", "off"])
def test_without_a_gpu_package_the_processor_is_asked_for(installed, gpu):
    installed(CPU)
    assert wanted(gpu) == [(CPU, {})]


def test_cuda_is_asked_for_first_and_its_libraries_are_loaded_before(installed):
    loaded = installed(TENSORRT, CUDA, CPU)
    for gpu in ("prefer", "require"):
        (name, options), last = wanted(gpu)
        assert (name, last) == (CUDA, (CPU, {}))
        assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert loaded == [True, True]


def test_off_leaves_the_gpu_alone(installed):
    loaded = installed(CUDA, CPU)
    assert wanted("off") == [(CPU, {})]
    assert loaded == []


def test_tensorrt_is_used_only_where_it_is_asked_for(installed):
    installed(TENSORRT, CUDA, CPU)
    assert names_of(wanted("prefer")) == [CUDA, CPU]
    assert names_of(wanted("prefer", tensorrt=True)) == [TENSORRT, CUDA, CPU]
    installed(CUDA, CPU)
    assert names_of(wanted("prefer", tensorrt=True)) == [CUDA, CPU]


def test_what_loading_cuda_prints_is_logged_instead(installed, monkeypatch, capsys, caplog):
    installed(CUDA, CPU)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcudnn"))
    with caplog.at_level(logging.INFO):
        wanted("prefer")
    assert capsys.readouterr().out == ""
    assert caplog.messages == ["Failed to load libcudnn"]


def test_require_is_refused_without_a_gpu_package(installed):
    installed(CPU)
    with pytest.raises(NoGpu, match="install onnxruntime-gpu"):
        wanted("require")


def test_an_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(NoGpu, match="GPU='yes' is unknown: use require, prefer or off"):
        wanted("yes")


def test_a_silent_fallback_is_found_out_and_warned_of(caplog):
    asked: list[Provider] = [(CUDA, {}), (CPU, {})]
    assert check_got(session_on(CPU), "prefer", asked) == CPU
    assert caplog.messages == [f"Asked for {CUDA} and got {CPU}: predictions run slower."]


def test_a_silent_fallback_is_refused_where_a_gpu_is_required():
    with pytest.raises(NoGpu, match="fell back to CPUExecutionProvider"):
        check_got(session_on(CPU), "require", [(CUDA, {}), (CPU, {})])


def test_cuda_instead_of_tensorrt_is_still_a_gpu(caplog):
    asked: list[Provider] = [(TENSORRT, {}), (CUDA, {}), (CPU, {})]
    assert check_got(session_on(CUDA, CPU), "require", asked) == CUDA
    assert len(caplog.messages) == 1


def test_nothing_is_said_where_all_is_as_asked(caplog):
    assert check_got(session_on(CUDA, CPU), "require", [(CUDA, {}), (CPU, {})]) == CUDA
    assert check_got(session_on(CPU), "off", [(CPU, {})]) == CPU
    assert caplog.messages == []


def test_the_runtime_reports_nothing_to_its_makers(tmp_path):
    code = "import inference.vision.session, time; time.sleep(0.2)"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=INFERENCE.parent,
        env=environment | {"HOME": str(tmp_path)} | {"XDG_CACHE_HOME": str(tmp_path)},
    )
    assert list(tmp_path.iterdir()) == []


def test_every_module_takes_the_runtime_from_where_that_is_switched_off():
    importers = [
        path.name
        for path in INFERENCE.rglob("*.py")
        if any(
            line.startswith(("import onnxruntime", "from onnxruntime"))
            for line in path.read_text().splitlines()
        )
    ]
    assert importers == ["runtime.py"]
