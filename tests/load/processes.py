"""What the processes of a site use: memory and processor seconds, by what they are."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.bench.site import _cpu_s, _family

MARKS = {
    "webapp.wsgi": "web",
    "postgres": "database",
    "\0beat": "beat",
    "\0scoring": "scorer",
    "\0worker": "worker",
    "webapp.supervisor": "supervisor",
    "webapp.sentinel": "supervisor",
}
KINDS = ["web", "database", "worker", "scorer", "beat", "supervisor", "client"]


@dataclass(frozen=True)
class Use:
    """Of all processes of each kind, now.

    Attributes:
        memory_mb: proportional set size: what several share is counted once. Of PostgreSQL
            without what its processes share, which fills up to `shared_buffers`.
        cpu_s: processor seconds since they began.
    """

    memory_mb: dict[str, float]
    cpu_s: dict[str, float]
    n: dict[str, int]


def measure(supervisor: int) -> Use:
    """Look at the processes of a site, and at this one, which is its client."""
    memory, cpu, n = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0)
    for pid in {os.getpid(), *_family(supervisor)}:
        if kind := _kind(pid):
            memory[kind] += _memory_mb(pid, "Pss_Anon" if kind == "database" else "Pss")
            cpu[kind] += _cpu_s(pid)
            n[kind] += 1
    return Use(memory, cpu, n)


def _kind(pid: int) -> str:
    """Say what a process is; a child that has not yet its own name is of no kind."""
    if pid == os.getpid():
        return "client"
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((kind for mark, kind in MARKS.items() if mark in command), "")


def _memory_mb(pid: int, what: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1000
