"""Bringing a network to a second survey of which nobody has votes yet.

Two ways, both without labels: batch statistics measured again on the new pictures (Li et al. 2017,
AdaBN), or a loss that aligns the covariances of what the head sees (Sun & Saenko 2016, CORAL).
Neither is promised to help: `judged_adaptation` measures it on a simulated shift of galaxies that
judge.
"""

import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.formats.split import TEST, TRAIN
from training.dataset import Dataset
from training.loss import vote_loss
from training.model import Network


def alignment(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the squared distance of means and covariances of two sets of features (n, C)."""
    ours, theirs = ours.float(), theirs.float()
    n_channels = ours.shape[1]
    means = (ours.mean(0) - theirs.mean(0)).square().sum() / n_channels
    spread = (_covariance(ours) - _covariance(theirs)).square().sum() / (4 * n_channels**2)
    return means + spread


def _covariance(features: Tensor) -> Tensor:
    centered = features - features.mean(0)
    return centered.T @ centered / max(1, len(features) - 1)


def with_statistics_of(
    network: Network, images: NDArray[np.uint8], batch_size: int = 128
) -> Network:
    """Return a copy whose batch statistics are those of other pictures, uint8 (N, S, S, 3).

    A network without batch normalization comes back unchanged.
    """
    adapted = copy.deepcopy(network).eval()
    norms = [part for part in adapted.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
        norm.train()
    with torch.inference_mode():
        for start in range(0, len(images) if norms else 0, batch_size):
            block = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size]))
            adapted.features(adapted.unit(block))
    return adapted.eval()


def shifted(images: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """Return pictures as a poorer second survey would have taken them, uint8 (N, S, S, 3).

    Blurred by a Gaussian of 1.2 px, redder by a fifth, and with noise of 4 % of the full range.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for start in range(0, len(images), 256):
        block = np.ascontiguousarray(images[start : start + 256])
        unit = torch.from_numpy(block).permute(0, 3, 1, 2).float() / 255
        unit = _blurred(unit, sigma_px=1.2) * torch.tensor([1.1, 1.0, 0.9])[None, :, None, None]
        unit = unit + 0.04 * torch.randn(unit.shape, generator=generator)
        levels = (unit.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        found.append(levels.permute(0, 2, 3, 1).numpy())
    return np.concatenate(found)


def judged_adaptation(network: Network, dataset: Dataset) -> dict[str, float]:
    """Return what new batch statistics do on a simulated shift of galaxies that judge.

    Nats a galaxy of the test part: as they are, shifted, and shifted with statistics measured on
    shifted galaxies of the training part, whose votes are not used.
    """
    test, train = dataset.part(TEST), dataset.part(TRAIN)[:2048]
    poorer = replace(dataset, images=shifted(dataset.images[test]), splits=dataset.splits[test])
    poorer = replace(
        poorer,
        subject_ids=tuple(dataset.subject_ids[place] for place in test),
        votes=dataset.votes[test],
        asked=dataset.asked[test],
        aux=None if dataset.aux is None else dataset.aux[test],
    )
    adapted = with_statistics_of(network, shifted(dataset.images[train], seed=1))
    return {
        "as_taken_nll": _mean_loss(network, dataset, test),
        "shifted_nll": _mean_loss(network, poorer, np.arange(len(test))),
        "shifted_adapted_nll": _mean_loss(adapted, poorer, np.arange(len(test))),
    }


def _blurred(unit: Tensor, sigma_px: float) -> Tensor:
    steps = torch.arange(-4, 5, dtype=torch.float32)
    kernel = torch.exp(-(steps**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    n_channels = unit.shape[1]
    down = kernel.view(1, 1, -1, 1).repeat(n_channels, 1, 1, 1)
    unit = nn.functional.pad(unit, (4, 4, 4, 4), mode="reflect")
    unit = nn.functional.conv2d(unit, down, groups=n_channels)
    return nn.functional.conv2d(unit, down.transpose(2, 3), groups=n_channels)


def _mean_loss(network: Network, dataset: Dataset, places: NDArray[np.int64]) -> float:
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(places), 256):
            batch = dataset.batch(places[start : start + 256])
            alpha = network(batch.images, batch.aux, batch.aux_mask)
            total += float(vote_loss(alpha, batch.votes, batch.asked, dataset.tree).sum())
    return round(total / max(1, len(places)), 4)
