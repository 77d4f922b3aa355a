"""Pictures at model size and votes, side by side, cut into what is learned from and what judges."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.errors import shown
from inference.formats.catalog import Catalog
from inference.formats.run import RunFolder
from inference.formats.split import TRAIN, VALIDATION
from inference.formats.tree import Tree
from training.config import Config
from training.errors import DataRefused


@dataclass(frozen=True, eq=False)
class Batch:
    """Some galaxies, as tensors on one device."""

    images: Tensor  # uint8 (n, S, S, 3)
    votes: Tensor  # float32 (n, K)
    asked: Tensor  # float32 (n, Q)
    aux: Tensor | None  # float32 (n, M), 0 where missing
    aux_mask: Tensor | None  # bool (n, M)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N galaxies; `images` may be a memory-mapped array that is larger than memory."""

    tree: Tree
    subject_ids: tuple[str, ...]
    images: NDArray[np.uint8]  # (N, S, S, 3)
    votes: NDArray[np.float32]  # (N, K)
    asked: NDArray[np.float32]  # (N, Q)
    splits: NDArray[np.str_]  # (N,), a word of formats.split each
    aux: NDArray[np.float32] | None = None  # (N, M), NaN where missing
    aux_names: tuple[str, ...] = ()
    nominal: NDArray[np.bool_] | None = None  # (N,) fractions times a nominal number of people

    def __len__(self) -> int:
        return len(self.subject_ids)

    def part(self, split: str) -> NDArray[np.int64]:
        """Return the places of a split's galaxies, ascending."""
        return np.flatnonzero(self.splits == split)

    def batch(self, places: NDArray[np.int64], device: torch.device | str = "cpu") -> Batch:
        """Return the galaxies at these places."""
        aux = mask = None
        if self.aux is not None:
            values = torch.from_numpy(self.aux[places])
            mask = torch.isfinite(values).to(device)
            aux = torch.nan_to_num(values).to(device)
        return Batch(
            images=torch.from_numpy(np.ascontiguousarray(self.images[places])).to(device),
            votes=torch.from_numpy(self.votes[places]).to(device),
            asked=torch.from_numpy(self.asked[places]).to(device),
            aux=aux,
            aux_mask=mask,
        )


def from_run(run: RunFolder, config: Config) -> Dataset:
    """Return what a run directory holds.

    Raises:
        RunRefused: the directory is damaged or half written.
        DataRefused: a column is missing, or a split is empty.
    """
    catalog = run.read_catalog()
    return from_catalog(catalog, run.open_stamps(config.input, len(catalog)), config)


def from_catalog(
    catalog: Catalog,
    images: NDArray[np.uint8],
    config: Config,
    splits: NDArray[np.str_] | None = None,
) -> Dataset:
    """Return a catalog and its stamps as a data set.

    Args:
        images: uint8 (N, S, S, 3), in the catalog's order.
        splits: instead of those by hash, for cross-validation.
    """
    if images.shape != (len(catalog), config.size_px, config.size_px, 3):
        raise DataRefused(
            f"The stamps have the shape {images.shape}, and the catalog has {len(catalog):,} "
            f"galaxies for a network of {config.size_px} px: prepare the run again."
        )
    dataset = Dataset(
        tree=catalog.tree,
        subject_ids=catalog.subject_ids,
        images=images,
        votes=catalog.votes,
        asked=catalog.asked,
        splits=catalog.splits() if splits is None else splits,
        aux=_aux(catalog, config),
        aux_names=config.aux,
        nominal=catalog.nominal,
    )
    for split in (TRAIN, VALIDATION):
        if not len(dataset.part(split)):
            raise DataRefused(
                f"None of the {len(dataset):,} galaxies falls into the {split} part, which is "
                f"drawn by hash: train on more galaxies."
            )
    return dataset


def _aux(catalog: Catalog, config: Config) -> NDArray[np.float32] | None:
    if not config.aux:
        return None
    for name in config.aux:
        if name not in catalog.aux_names:
            known = ", ".join(catalog.aux_names) or "none"
            raise DataRefused(
                f"The setting aux names {shown(name)}, which the catalog does not have; it has "
                f"{known}: add the column aux_{name}, or take the name out."
            )
    assert catalog.aux is not None  # noqa: S101  for the type checker: there are names
    places = [catalog.aux_names.index(name) for name in config.aux]
    return np.ascontiguousarray(catalog.aux[:, places], dtype=np.float32)
