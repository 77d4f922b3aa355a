"""python -m tests.bench NAME: prints tables of medians for docs/benchmarks.md."""

import argparse
import platform
from pathlib import Path

from tests.bench.site import database

BENCHES = ["classify", "belief", "skill", "tallies", "scoring", "cone", "catalog"]


def main() -> None:
    """Run the benches that were asked for, each on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "bench",
        nargs="?",
        default="classify",
        choices=BENCHES,
    )
    parser.add_argument("--seconds", type=float, default=15, help="length of one run")
    parser.add_argument("--large", type=int, default=1_000_000, help="galaxies of the large case")
    parser.add_argument("--pictures", type=int, default=10_000, help="that are scored in a run")
    parser.add_argument("--gpu", default="prefer", choices=["prefer", "require", "off"])
    options = parser.parse_args()
    print(machine())
    if options.bench == "belief":  # needs no site
        from tests.bench import belief  # noqa: PLC0415

        print(belief.run(options.large))
        return
    if options.bench == "skill":
        from tests.bench import skill  # noqa: PLC0415

        print(skill.run())
        return
    with database() as (var, pid):
        if options.bench == "tallies":
            from tests.bench import tallies  # noqa: PLC0415

            print(tallies.run(options.large))
            return
        if options.bench == "scoring":
            from tests.bench import scoring  # noqa: PLC0415

            print(scoring.run(options.pictures, options.large, gpu=options.gpu))
            return
        if options.bench == "cone":
            from tests.bench import cone  # noqa: PLC0415

            print(cone.run(var, pid, options.large))
            return
        if options.bench == "catalog":
            from tests.bench import catalog  # noqa: PLC0415

            print(catalog.run(min(options.large, 500_000)))
            return
        from tests.bench import classify  # noqa: PLC0415 - after Django is set up

        print(classify.run(var, pid, seconds=options.seconds, n_large=options.large))


def machine() -> str:
    """Say what the figures were measured on."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        if line.startswith("model name")
    )
    import os  # noqa: PLC0415

    return f"{os.cpu_count()} cores, {cpu}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
