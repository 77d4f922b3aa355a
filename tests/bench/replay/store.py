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
from tests.bench.replay.data import DECALS, Campaign, decals, galaxy_zoo_2
from tests.bench.replay.measure import Figures
from tests.bench.replay.run import Curves, Settings, replay, taking_part
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


def replayed(
    data: Path, features: NDArray[np.float32], settings: Settings, work: Path, seed: int
) -> dict[str, Curves]:
    """Return the curves of all campaigns, read where a run with these settings finished them.

    Args:
        features: of the pictures of Galaxy Zoo 2 that take part, (N, F).
    """
    torch.set_num_threads(1)  # small products are faster so, and another seed has the other core
    pictured = taking_part(galaxy_zoo_2(data), settings)
    voted = [taking_part(decals(data, table), settings) for table in DECALS]
    found = {}
    for campaign in (pictured, *voted):
        path = work / f"{_named(campaign)}-{_hash(json.dumps(settings.to_json()))}-{seed}.json"
        if not path.exists():
            started = time.monotonic()
            seen = features if campaign is pictured else None
            write_text(path, json.dumps(_plain(replay(campaign, data, seed, settings, seen))))
            took_s = time.monotonic() - started
            print(f"{campaign.name}, seed {seed}: {took_s:.0f} s", file=sys.stderr, flush=True)
        found[campaign.name] = _parsed(json.loads(path.read_text()))
    return found


def _plain(curves: Curves) -> dict[str, list[dict[str, float]]]:
    return {arm: [asdict(point) for point in curve] for arm, curve in curves.items()}


def _parsed(values: dict[str, list[dict[str, float]]]) -> Curves:
    return {arm: [Figures(**point) for point in curve] for arm, curve in values.items()}


def _named(campaign: Campaign) -> str:
    return _hash("\n".join(campaign.subject_ids))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
