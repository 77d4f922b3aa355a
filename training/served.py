"""What a model file computes beyond the network: samples, an embedding, class activation."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.formats.card import EMBEDDING_SIZE, Masks
from inference.vision.session import ALPHA, ALPHA_MC, CAM, EMBEDDING, FEATURES, POOLED
from training.model import Network


@dataclass(frozen=True, eq=False)
class Projection:
    """From what the neck makes of a picture, (n, C), to 128 numbers."""

    mean: NDArray[np.float32]  # (C,)
    matrix: NDArray[np.float32]  # (C, 128), zero in columns beyond the axes there are


def fit_projection(pooled: NDArray[np.float32]) -> Projection:
    """Return the principal axes of features (n, C), the widest first, each sign fixed.

    Axes along which the features do not vary are left out: they would be noise.
    """
    values = pooled.astype(np.float64)
    mean = values.mean(0)
    _, spread, axes = np.linalg.svd(values - mean, full_matrices=False)
    kept = min(EMBEDDING_SIZE, int((spread > spread[:1] * 1e-6).sum()))
    axes = axes[:kept]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(kept), largest] < 0, -1.0, 1.0)[:, None]
    matrix = np.zeros((values.shape[1], EMBEDDING_SIZE))
    matrix[:, :kept] = axes.T
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


def pooled_features(
    network: Network, images: NDArray[np.uint8], batch_size: int = 256
) -> NDArray[np.float32]:
    """Return what the neck makes of pictures uint8 (n, S, S, 3): (n, C).

    For `fit_projection` some thousands of stamps are enough.
    """
    network.eval()
    device = network.head.weight.device
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            block = torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
            found.append(network.neck(network.features(network.unit(block)).float()).cpu().numpy())
    return np.concatenate(found)


class Served(nn.Module):
    """The network as the model file serves it."""

    masks: Tensor
    mean: Tensor
    matrix: Tensor

    def __init__(self, network: Network, masks: Masks, projection: Projection) -> None:
        super().__init__()
        self.network, self.dropout = network, masks.dropout
        self.register_buffer("masks", drawn_masks(network.head.in_features, masks))
        self.register_buffer("mean", torch.from_numpy(projection.mean))
        self.register_buffer("matrix", torch.from_numpy(projection.matrix))

    def forward(
        self, images: Tensor, aux: Tensor | None = None, aux_mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Return the outputs of the contract in the order of `output_names`."""
        network, head = self.network, self.network.head
        features = network.features(network.unit(images))
        pooled = network.neck(features)
        parts = [pooled] if network.aux is None else [pooled, network.aux(aux, aux_mask)]
        summary = torch.cat(parts, 1)
        logits = nn.functional.linear(summary, head.weight, head.bias)
        products = (summary @ self._masked_weights()).reshape(
            -1, len(self.masks), head.out_features
        )
        projected = (pooled - self.mean) @ self.matrix
        length = projected.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)
        outputs = (
            network.alpha_of(logits),
            network.alpha_of(products + head.bias),
            projected / length,
            pooled,
            features,
        )
        if not network.cam_exact:
            return outputs
        kernel = head.weight[:, :, None, None]
        return (*outputs, nn.functional.conv2d(features, kernel))

    def _masked_weights(self) -> Tensor:
        """Return the head's weights under each mask side by side, (C, T * K).

        The runtime computes it once, when it loads the file; stored it would be a fifth of it.
        """
        kept = self.masks.float() / max(1 - self.dropout, 1e-6)  # (T, C)
        stacked = self.network.head.weight.t()[:, None, :] * kept.t()[:, :, None]
        return stacked.flatten(1)


def output_names(network: Network) -> list[str]:
    """Return the outputs in the order of the contract."""
    names = [ALPHA, ALPHA_MC, EMBEDDING, POOLED, FEATURES]
    return [*names, CAM] if network.cam_exact else names


def drawn_masks(n_inputs: int, masks: Masks) -> Tensor:
    """Return which inputs of the head each mask keeps, uint8 (T, C); none keeps nothing."""
    generator = torch.Generator().manual_seed(masks.seed)
    kept = torch.rand(masks.samples, n_inputs, generator=generator) >= masks.dropout
    kept[~kept.any(1)] = True
    return kept.to(torch.uint8)
