"""python -m tests.bench NAME: prints tables of medians for docs/benchmarks.md."""

import argparse
import os
import platform
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.site import database

# What each bench is called with: its options, and the var folder and process of its database.
Bench = Callable[[Namespace, Path, int], str]
ALONE: dict[str, Callable[[Namespace], str]] = {  # need no site
    "belief": lambda given: _module("belief").run(given.large),
    "skill": lambda _: _module("skill").run(),
}
ON_A_SITE: dict[str, Bench] = {
    "classify": lambda given, var, pid: _module("classify").run(
        var, pid, seconds=given.seconds, n_large=given.large
    ),
    "tallies": lambda given, _var, _pid: _module("tallies").run(given.large),
    "scoring": lambda given, _var, _pid: _module("scoring").run(
        given.pictures, given.large, gpu=given.gpu
    ),
    "cone": lambda given, var, pid: _module("cone").run(var, pid, given.large),
    "catalog": lambda given, _var, _pid: _module("catalog").run(min(given.large, 500_000)),
    "scale": lambda given, _var, _pid: _module("scale").run(given.large),
    "exports": lambda given, var, pid: _module("exports").run(var, pid, given.large),
}


def _module(name: str) -> Any:
    return import_module(f"tests.bench.{name}")  # after Django is set up


def main() -> None:
    """Run the bench that was asked for, on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", nargs="?", default="classify", choices=[*ALONE, *ON_A_SITE])
    parser.add_argument("--seconds", type=float, default=15, help="length of one run")
    parser.add_argument("--large", type=int, default=1_000_000, help="galaxies of the large case")
    parser.add_argument("--pictures", type=int, default=10_000, help="that are scored in a run")
    parser.add_argument("--gpu", default="prefer", choices=["prefer", "require", "off"])
    options = parser.parse_args()
    print(machine())
    if options.bench in ALONE:
        print(ALONE[options.bench](options))
        return
    with database() as (var, pid):
        print(ON_A_SITE[options.bench](options, var, pid))


def machine() -> str:
    """Say what the figures were measured on."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        if line.startswith("model name")
    )
    return f"{os.cpu_count()} cores, {cpu}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
