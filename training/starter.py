"""The network that comes with the software: trained on Galaxy Zoo 2, judged on galaxies unseen.

One network learns from the galaxies with partial votes, which are no fair sample and so judge
nothing. From it five are trained further, each without a fifth of the fully voted galaxies and of
those with raw counts (by hash); together they predict each of these exactly once, never having
seen it. That prediction is what the tables judge and the calibration is fitted to. The network
that ships is trained in the same way with nothing left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.formats.catalog import Catalog
from inference.formats.split import TEST, TRAIN, VALIDATION, fold_of, split_of
from inference.formats.stamps import read_stamps, write_stamps
from training.checkpoint import save_weights
from training.config import Config
from training.dataset import Dataset, from_catalog
from training.evaluate import predict_alpha
from training.gz2 import PARTIAL, read_gz2
from training.loop import Fitted, Journal, fit
from training.stamps import stamp_blocks

N_FOLDS = 5
CONFIG = Config(
    width=32,
    depth=4,
    stem_stride=2,
    size_px=96,
    crop=0.5,
    dropout=0.3,
    epochs=40,
    learning_rate=3e-3,
    patience=40,
    precision="bfloat16",
)
FURTHER = {"epochs": 16, "learning_rate": 1e-3, "warmup_epochs": 1.0}


@dataclass(frozen=True, eq=False)
class Starter:
    """What the trainings gave.

    `alpha` is (N, K): each judged galaxy's concentrations from a network that never saw it, raw.
    """

    catalog: Catalog
    dataset: Dataset
    kinds: NDArray[np.str_]
    folds: NDArray[np.int64]  # (N,), -1 where a galaxy judges nothing
    alpha: NDArray[np.float32]
    fitted: Fitted


def train_starter(
    data: Path, folder: Path, journal_of: Callable[[str], Journal], config: Config = CONFIG
) -> Starter:
    """Train the starter network and its five judges; a killed training goes on where it was.

    Args:
        data: folder of the public tables and pictures, see gz2.py.
        folder: where checkpoints are kept.
        journal_of: gives each training, by its name, somebody to tell how it goes.
    """
    catalog, kinds = read_gz2(data)
    images = _stamps(catalog, data, config, folder)
    judged = kinds != PARTIAL
    folds = np.array([fold_of(group, N_FOLDS) for group in catalog.groups])
    folds[~judged] = -1

    def trained(name: str, config: Config, left_out: NDArray[np.bool_]) -> tuple[Dataset, Fitted]:
        dataset = from_catalog(catalog, images, config, _splits(catalog, judged, left_out))
        return dataset, fit(
            dataset, config, journal_of(name), checkpoints=folder / name / "checkpoints"
        )

    _, first = trained("partial", config, judged)
    weights = folder / "partial.safetensors"
    save_weights(weights, first.network.state_dict(), {"tree": catalog.tree.to_json()})
    further = config.replace(**FURTHER, pretrained=str(weights))
    alpha = np.full(catalog.votes.shape, np.nan, np.float32)
    for fold in range(N_FOLDS):
        dataset, fold_fitted = trained(f"fold-{fold}", further, folds == fold)
        places = dataset.part(TEST)
        alpha[places] = predict_alpha(fold_fitted.network, dataset, places)
    dataset, fitted = trained("all", further, np.zeros(len(catalog), bool))
    return Starter(catalog, dataset, kinds, folds, alpha, fitted)


def _stamps(catalog: Catalog, data: Path, config: Config, folder: Path) -> NDArray[np.uint8]:
    """Return the pictures at model size, made once in the folder."""
    path, size_px = folder / f"stamps-{config.size_px}.npy", config.size_px
    if not path.exists():
        pictures = [data / name for name in catalog.pictures]
        write_stamps(path, stamp_blocks(pictures, config.input), n=len(catalog), size_px=size_px)
    return read_stamps(path, n=len(catalog), size_px=size_px)


def _splits(
    catalog: Catalog, judged: NDArray[np.bool_], left_out: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """Return the split of each galaxy: a tenth of the partly voted watches over the epochs."""
    watching = np.array([split_of(group) == VALIDATION for group in catalog.groups]) & ~judged
    return np.where(left_out, TEST, np.where(watching, VALIDATION, TRAIN))
