"""Bringing a network to a second survey of which nobody has votes yet.

Two ways, both without labels: batch statistics measured again on the new pictures (Li et al. 2017,
AdaBN), or a loss that aligns the covariances of what the head sees (Sun & Saenko 2016, CORAL).
Neither is promised to help: `judge` measures it on a simulated shift of held-out galaxies.
"""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
