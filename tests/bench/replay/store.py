"""What a replay has found so far, kept in a folder: a killed one goes on with the next seed."""

import hashlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference.formats.atomic import write_text
from tests.bench.replay.data import Campaign
from tests.bench.replay.measure import Figures
from tests.bench.replay.run import Curves, Settings, replay
from tests.bench.replay.wavelets import wavelet_features
from training.config import Config
from training.stamps import stamp_blocks

PICTURE = Config(size_px=64, crop=0.5).input  # the galaxy without its surroundings


def features_of(data: Path, campaign: Campaign, work: Path) -> NDArray[np.float32]:
    """Return what the wavelets see in each picture, (N, F), made once in the folder of work."""
    path = work / f"features-{_named(campaign)}.npy"
    if not path.exists():
        torch.set_num_threads(1)
        files = [data / name for name in campaign.pictures]
        np.save(path, np.concatenate([wavelet_features(b) for b in stamp_blocks(files, PICTURE)]))
    found: NDArray[np.float32] = np.load(path)
    return found


def _named(campaign: Campaign) -> str:
    return hashlib.sha256("\n".join(campaign.subject_ids).encode()).hexdigest()[:12]


def replayed(
    data: Path, features: NDArray[np.float32], settings: Settings, work: Path, seed: int
) -> dict[str, Curves]:
    """Return the curves of a seed, read if an earlier run with these settings finished it."""
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
