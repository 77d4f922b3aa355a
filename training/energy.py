"""How much electricity a training used, and whether that was measured or estimated.

Measured where the machine lets us: the counters of the processor (RAPL) and the power that
`nvidia-smi` reads. Both count everything that runs on the part, also other people's work. A part
that says nothing is estimated from the processor's busy time, and the words say so.
"""

import json
import math
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

WATTS_PER_CORE = 5.0  # of a server's processor at work, shared out over its cores
SAMPLE_S = 10.0  # far shorter than a counter takes to wrap around, which is minutes
PROCESSOR_MEASURED = "processor and memory measured (RAPL)"
GPU_MEASURED = "GPU measured (nvidia-smi)"
PROCESSOR_ESTIMATED = f"processor estimated at {WATTS_PER_CORE:g} W per busy core"
GPU_UNKNOWN = "GPU not counted"

_JOULES_PER_KWH = 3.6e6
_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Energy:
    """Joules by how they were found; `is_whole` is False where a record of some was lost."""

    joules: Mapping[str, float] = field(default_factory=dict)
    is_whole: bool = True

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what is stored in a file, nothing if there is none; damaged is not whole."""
        try:
            values = json.loads(path.read_bytes())
            joules = {str(how): float(joules) for how, joules in values["joules"].items()}
            is_whole = values["is_whole"] is True
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(is_whole=False)
        if not all(math.isfinite(value) and value >= 0 for value in joules.values()):
            return cls(is_whole=False)
        return cls(joules, is_whole)

    def store(self, path: Path) -> None:
        """Store it, by rename: there is always a whole file."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"joules": dict(self.joules), "is_whole": self.is_whole}))
        temporary.replace(path)

    def __add__(self, other: "Energy") -> "Energy":
        hows = [*self.joules, *(how for how in other.joules if how not in self.joules)]
        joules = {how: self.joules.get(how, 0.0) + other.joules.get(how, 0.0) for how in hows}
        return Energy(joules, self.is_whole and other.is_whole)

    @property
    def kwh(self) -> float:
        """Return the sum, in kilowatt-hours."""
        return sum(self.joules.values()) / _JOULES_PER_KWH

    @property
    def basis(self) -> str:
        """Return how it was found, such as "processor estimated at 5 W per busy core"."""
        words = ", ".join(self.joules) or "nothing recorded"
        return words if self.is_whole else f"{words}; an earlier record was lost"

    def __str__(self) -> str:
        """Return it for people, such as "0.12 kWh (GPU measured (nvidia-smi))"."""
        least = "" if self.is_whole else "at least "
        return f"{least}{self.kwh:.3g} kWh ({self.basis})"

    def to_json(self) -> dict[str, Any]:
        """Return it for a model card."""
        return {"kwh": float(f"{self.kwh:.4g}"), "basis": self.basis, "is_whole": self.is_whole}


class EnergyMeter:
    """Counts while it is open, on top of what its file holds from before the run was resumed.

    `store` after each epoch keeps the sum through a kill.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        gpu: bool = False,
        n_processes: int = 1,
        powercap: Path = _POWERCAP,
        clock: Callable[[], float] = time.monotonic,
        busy_clock: Callable[[], float] = time.process_time,
        gpu_watts: Callable[[], float | None] | None = None,
    ) -> None:
        """Get ready.

        Args:
            path: where the sum is kept; None keeps none.
            gpu: whether the training uses the visible GPUs.
            n_processes: processes as busy as this one, for the estimate.
            powercap: folder of the processor's counters.
            clock: seconds that go on while nothing is computed.
            busy_clock: seconds of all cores that this process kept busy.
            gpu_watts: what the GPUs draw now; None where unknown.
        """
        self._path = path
        self._before = Energy() if path is None else Energy.read(path)
        self._gpu = PowerIntegral(gpu_watts or nvidia_watts, clock) if gpu else None
        self._counters = [Counter(folder) for folder in rapl_folders(powercap)]
        self._busy_clock, self._n_processes = busy_clock, n_processes
        self._busy_from = 0.0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="energy", daemon=True)

    def __enter__(self) -> Self:
        self._busy_from = self._busy_clock()
        for counter in self._counters:
            counter.begin()
        self.sample()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._thread.join()
        self.store()

    def sample(self) -> None:
        """Read the counters; this happens by itself, often enough for none to wrap twice."""
        with self._lock:
            for counter in self._counters:
                counter.sample()
            if self._gpu is not None:
                self._gpu.sample()

    @property
    def energy(self) -> Energy:
        """Return all that was used up to now, earlier parts of the run included."""
        with self._lock:
            return self._before + Energy(self._own())

    def store(self) -> None:
        """Sample, and put the sum into the file."""
        self.sample()
        if self._path is not None:
            self.energy.store(self._path)

    def _own(self) -> dict[str, float]:
        joules = {}
        if self._counters:
            joules[PROCESSOR_MEASURED] = sum(counter.joules for counter in self._counters)
        else:
            busy_s = (self._busy_clock() - self._busy_from) * self._n_processes
            joules[PROCESSOR_ESTIMATED] = busy_s * WATTS_PER_CORE
        if self._gpu is not None:
            joules[GPU_MEASURED if self._gpu.is_known else GPU_UNKNOWN] = self._gpu.joules
        return joules

    def _watch(self) -> None:
        while not self._closed.wait(SAMPLE_S):
            self.sample()


class Counter:
    """One counter of microjoules that starts again from 0 when it is full."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "energy_uj"
        self._full_uj = _number(folder / "max_energy_range_uj") or 0
        self._last_uj: int | None = None
        self.joules = 0.0

    def begin(self) -> None:
        """Count from here."""
        self._last_uj = _number(self._path)
        self.joules = 0.0

    def sample(self) -> None:
        """Add what was used since the last reading."""
        now = _number(self._path)
        if now is None:
            return  # the next reading brings what this one missed
        if self._last_uj is not None:
            used = now - self._last_uj
            self.joules += max(0, used if used >= 0 else used + self._full_uj) / 1e6
        self._last_uj = now


class PowerIntegral:
    """Joules from watts read now and then; between two readings power is taken as a line."""

    def __init__(
        self, watts: Callable[[], float | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watts, self._clock = watts, clock
        self._last: tuple[float, float] | None = None
        self.joules = 0.0

    @property
    def is_known(self) -> bool:
        """Return whether there was any reading."""
        return self._last is not None

    def sample(self) -> None:
        """Read once; a reading that fails is bridged by the next one."""
        watts, now = self._watts(), self._clock()
        if watts is None:
            return
        if self._last is not None:
            then, before = self._last
            self.joules += (watts + before) / 2 * (now - then)
        self._last = now, watts


def rapl_folders(powercap: Path = _POWERCAP) -> list[Path]:
    """Return the counters that together hold processor and memory once each, if readable.

    Left out: "core" and "uncore", which are in their package; "psys", which holds the packages;
    and intel-rapl-mmio, the same packages by another way.
    """
    found = []
    for folder in sorted(powercap.glob("intel-rapl:*")):
        with suppress(OSError):
            name = (folder / "name").read_text().strip()
            is_part = name.startswith("package") or name == "dram"
            if is_part and _number(folder / "energy_uj") is not None:
                found.append(folder)
    return found


def nvidia_watts() -> float | None:
    """Return what the visible NVIDIA GPUs draw together, None where that cannot be read."""
    command = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if visible:
        command.append(f"--id={visible}")
    try:
        answer = subprocess.run(command, capture_output=True, timeout=5, check=True, text=True)
        watts = [float(line) for line in answer.stdout.split()]
    except (OSError, subprocess.SubprocessError, ValueError):  # no such program, "[N/A]"
        return None
    return sum(watts) if watts else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
