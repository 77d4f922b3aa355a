"""`make replay`: how few votes are as good as forty, on real campaigns voted on again.

Nothing is tuned on the galaxies that judge: the head and the policy were chosen on galaxies that
only take part, with another seed.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.replay.data import galaxy_zoo_2
from tests.bench.replay.plot import png
from tests.bench.replay.report import tables
from tests.bench.replay.run import Curves, Settings, taking_part
from tests.bench.replay.store import features_of, replayed

SHORT = 16  # every sixteenth galaxy


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, print the tables, and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the public tables and pictures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="every sixteenth galaxy only")
    parser.add_argument("--work", type=Path, default=Path("var/replay"), help="what is kept")
    parser.add_argument("--picture", type=Path, help="where the PNG goes; default: --work")
    options = parser.parse_args(arguments)
    if not (options.data / "gz2_kaggle").is_dir():
        print(f"{options.data} holds no gz2_kaggle: name the folder of the public tables.")
        return 1
    options.work.mkdir(parents=True, exist_ok=True)
    settings = Settings(every=SHORT if options.short else 1)
    started = time.monotonic()
    seeds = _replayed(options, settings)
    first = next(iter(seeds[0]))
    picture = options.picture or options.work / "replay.png"
    picture.write_bytes(png([seed[first] for seed in seeds]))
    print(tables(seeds))
    print(f"\n{len(seeds)} seeds, {time.monotonic() - started:.0f} s of this run; {picture}")
    return 0


def _replayed(options: argparse.Namespace, settings: Settings) -> list[dict[str, Curves]]:
    """Return all seeds; those that an earlier run finished are read."""
    campaign = taking_part(galaxy_zoo_2(options.data), settings)
    features = features_of(options.data, campaign, options.work)
    one = partial(replayed, options.data, features, settings, options.work)
    if options.processes == 1:
        return [one(seed) for seed in range(options.seeds)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        return pool.map(one, range(options.seeds), chunksize=1)


if __name__ == "__main__":
    sys.exit(main())
