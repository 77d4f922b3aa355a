import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.energy import (
    GPU_MEASURED,
    GPU_UNKNOWN,
    PROCESSOR_ESTIMATED,
    PROCESSOR_MEASURED,
    Counter,
    Energy,
    EnergyMeter,
    PowerIntegral,
    nvidia_watts,
    rapl_folders,
)


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def powercap(tmp_path):
    """Two packages, the parts of the first, the platform, and the first by another way."""
    root = tmp_path / "powercap"
    for folder, name in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:0:1", "dram"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:2", "psys"),
        ("intel-rapl-mmio:0", "package-0"),
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "name").write_text(f"{name}\n")
        (root / folder / "max_energy_range_uj").write_text("1000000\n")
        (root / folder / "energy_uj").write_text("0\n")
    return root


def meter_without_counters(tmp_path, clock, **options):
    return EnergyMeter(
        tmp_path / "energy.json",
        powercap=tmp_path / "none",
        clock=clock,
        busy_clock=clock,
        **options,
    )


def test_without_counters_the_processor_is_estimated_and_the_words_say_so(tmp_path, clock):
    with meter_without_counters(tmp_path, clock) as meter:
        clock.now += 3600
    assert meter.energy.kwh == pytest.approx(0.005)
    assert str(meter.energy) == "0.005 kWh (processor estimated at 5 W per busy core)"


def test_the_estimate_counts_every_process(tmp_path, clock):
    with meter_without_counters(tmp_path, clock, n_processes=4) as meter:
        clock.now += 3600
    assert meter.energy.kwh == pytest.approx(0.020)


def test_a_resumed_run_adds_up(tmp_path, clock):
    for _ in range(3):
        with meter_without_counters(tmp_path, clock) as meter:
            clock.now += 3600
    assert meter.energy.kwh == pytest.approx(0.015)
    assert Energy.read(tmp_path / "energy.json") == meter.energy


def test_what_was_stored_survives_a_kill(tmp_path, clock):
    killed = meter_without_counters(tmp_path, clock)
    killed.__enter__()
    clock.now += 3600
    killed.store()
    clock.now += 3600  # is lost
    with meter_without_counters(tmp_path, clock) as meter:
        pass
    assert meter.energy.kwh == pytest.approx(0.005)
    killed._closed.set()


def test_storing_twice_counts_once(tmp_path, clock):
    with meter_without_counters(tmp_path, clock) as meter:
        clock.now += 3600
        meter.store()
        meter.store()
    assert Energy.read(tmp_path / "energy.json").kwh == pytest.approx(0.005)
    assert [path.name for path in tmp_path.iterdir()] == ["energy.json"]


def test_an_error_inside_still_stores(tmp_path, clock):
    def fail():
        with meter_without_counters(tmp_path, clock):
            clock.now += 3600
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Energy.read(tmp_path / "energy.json").kwh == pytest.approx(0.005)


def test_each_part_is_counted_once(powercap):
    assert [folder.name for folder in rapl_folders(powercap)] == [
        "intel-rapl:0",
        "intel-rapl:0:1",
        "intel-rapl:1",
    ]


def test_counters_that_cannot_be_read_are_left_out(powercap):
    for folder in powercap.iterdir():
        (folder / "energy_uj").unlink()
    assert rapl_folders(powercap) == []


def test_counters_are_measured(powercap, clock):
    with EnergyMeter(powercap=powercap, busy_clock=clock) as meter:
        for name in ("intel-rapl:0", "intel-rapl:0:1"):
            (powercap / name / "energy_uj").write_text("720000\n")
        clock.now += 1e6  # does not matter
    assert meter.energy.joules == {PROCESSOR_MEASURED: pytest.approx(1.44)}


@given(
    full_uj=st.integers(1000, 2**38),
    steps=st.lists(st.floats(0, 0.999), max_size=10),
    start=st.floats(0, 0.999),
)
def test_a_counter_that_wraps_around_loses_nothing(tmp_path_factory, full_uj, steps, start):
    folder = tmp_path_factory.mktemp("counter")
    used_uj = int(start * full_uj)
    (folder / "max_energy_range_uj").write_text(str(full_uj))
    (folder / "energy_uj").write_text(str(used_uj))
    counter = Counter(folder)
    counter.begin()
    for step in steps:
        used_uj += int(step * full_uj)
        (folder / "energy_uj").write_text(str(used_uj % full_uj))
        counter.sample()
    assert counter.joules == pytest.approx((used_uj - int(start * full_uj)) / 1e6)


def test_a_reading_that_fails_is_made_up_by_the_next(powercap):
    counter = Counter(powercap / "intel-rapl:0")
    path = powercap / "intel-rapl:0" / "energy_uj"
    counter.begin()
    path.unlink()
    counter.sample()
    path.write_text("500000\n")
    counter.sample()
    assert counter.joules == pytest.approx(0.5)


def test_power_is_a_line_between_readings(clock):
    readings = iter([100.0, 300.0, None, 300.0])
    integral = PowerIntegral(lambda: next(readings), clock)
    for _ in range(4):
        integral.sample()
        clock.now += 10
    assert integral.joules == pytest.approx(200 * 10 + 300 * 20)


def test_a_gpu_is_measured_beside_the_estimate(tmp_path, clock):
    with meter_without_counters(tmp_path, clock, gpu=True, gpu_watts=lambda: 360.0) as meter:
        clock.now += 3600
    assert meter.energy.joules == {
        PROCESSOR_ESTIMATED: pytest.approx(18_000),
        GPU_MEASURED: pytest.approx(360 * 3600),
    }


def test_a_gpu_without_readings_is_named(tmp_path, clock):
    with meter_without_counters(tmp_path, clock, gpu=True, gpu_watts=lambda: None) as meter:
        clock.now += 3600
    assert GPU_UNKNOWN in meter.energy.basis


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"joules": 3}', '{"joules": {"a": -1}, "is_whole": true}', '{"joules": {}}'],
)
def test_a_damaged_record_is_not_hidden(tmp_path, clock, content):
    (tmp_path / "energy.json").write_text(content)
    with meter_without_counters(tmp_path, clock) as meter:
        clock.now += 3600
    assert str(meter.energy) == (
        "at least 0.005 kWh (processor estimated at 5 W per busy core; an earlier record was lost)"
    )
    assert meter.energy.to_json()["is_whole"] is False


def test_nvidia_smi_is_asked_for_the_visible_gpus_only(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="61.5\n 70.25\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    assert nvidia_watts() == pytest.approx(131.75)
    assert asked[0][-1] == "--id=1,3"


@pytest.mark.parametrize("answer", ["[N/A]\n", "", "No devices were found\n"])
def test_power_that_nvidia_smi_does_not_know_is_none(monkeypatch, answer):
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=answer),
    )
    assert nvidia_watts() is None


def test_a_machine_without_nvidia_smi_has_no_power(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_watts() is None
