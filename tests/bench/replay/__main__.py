"""`make replay`: how few votes are as good as forty, on real campaigns voted on again.

Nothing is tuned on the galaxies that judge: policy and head were chosen on galaxies that only take
part (seed 100), before the judged ones were looked at.
"""

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference.formats.atomic import write_text
from tests.bench.replay.data import Campaign, galaxy_zoo_2
from tests.bench.replay.measure import Figures
from tests.bench.replay.plot import png
from tests.bench.replay.report import tables
from tests.bench.replay.run import Curves, Settings, replay
from tests.bench.replay.wavelets import wavelet_features
from training.config import Config
from training.stamps import stamp_blocks

PICTURE = Config(size_px=64, crop=0.5).input  # the galaxy without its surroundings
SHORT = 8  # every eighth galaxy


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, print the tables, and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the public tables and pictures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="every eighth galaxy only")
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
    features = _features(options.data, options.work)
    one = partial(_one, options.data, features, settings, options.work)
    if options.processes == 1:
        return [one(seed) for seed in range(options.seeds)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        return pool.map(one, range(options.seeds), chunksize=1)


def _one(
    data: Path, features: NDArray[np.float32], settings: Settings, work: Path, seed: int
) -> dict[str, Curves]:
    torch.set_num_threads(1)  # small products are faster so, and another seed has the other core
    name = hashlib.sha256(json.dumps(settings.to_json()).encode()).hexdigest()[:12]
    path = work / f"seed-{seed}-{name}.json"
    if not path.exists():
        started = time.monotonic()
        found = replay(data, features, seed, settings)
        write_text(path, json.dumps(_plain(found)))
        print(f"seed {seed}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return _parsed(json.loads(path.read_text()))


def _plain(found: dict[str, Curves]) -> dict[str, dict[str, list[dict[str, float]]]]:
    return {
        name: {arm: [asdict(point) for point in curve] for arm, curve in curves.items()}
        for name, curves in found.items()
    }


def _parsed(values: dict[str, dict[str, list[dict[str, float]]]]) -> dict[str, Curves]:
    return {
        name: {arm: [Figures(**point) for point in curve] for arm, curve in curves.items()}
        for name, curves in values.items()
    }


def _features(data: Path, work: Path) -> NDArray[np.float32]:
    """Return what the wavelets see in each picture, made once in the folder of work."""
    campaign = galaxy_zoo_2(data)
    path = work / f"features-{_named(campaign)}.npy"
    if not path.exists():
        torch.set_num_threads(1)
        files = [data / name for name in campaign.pictures]
        np.save(path, np.concatenate([wavelet_features(b) for b in stamp_blocks(files, PICTURE)]))
    found: NDArray[np.float32] = np.load(path)
    return found


def _named(campaign: Campaign) -> str:
    return hashlib.sha256("\n".join(campaign.subject_ids).encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
