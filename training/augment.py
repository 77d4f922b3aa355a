"""What is done to a batch of pictures while a network learns: the sky has no up and no left.

One affine resampling does rotation, flip, zoom and shift; beyond the edge the picture is mirrored,
as an empty border would be something to learn. All random numbers come from one generator, which
lives on the device of the pictures.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.config import Config


def augment(images: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Return a changed copy of a batch.

    Args:
        images: float32 (N, 3, S, S) in [0, 1].

    Returns:
        float32 (N, 3, S, S) in [0, 1].
    """
    if moves(config):
        grid = functional.affine_grid(
            _transformations(len(images), config, generator),
            list(images.shape),
            align_corners=False,
        )
        images = functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
    return _light(images, config, generator)


def moves(config: Config) -> bool:
    """Say whether pixels are moved at all."""
    return config.rotate or config.flip or config.zoom > 0 or config.shift > 0


def _transformations(n: int, config: Config, generator: torch.Generator) -> Tensor:
    """Return affine matrices of shape (n, 2, 3), in the units of `affine_grid`."""
    angle = _between(n, generator, math.pi if config.rotate else 0.0)
    scale = torch.exp(_between(n, generator, math.log1p(config.zoom)))
    mirror = torch.ones_like(scale)
    if config.flip:
        mirror = torch.where(_between(n, generator, 1.0) < 0, mirror, -mirror)
    shift_x, shift_y = (_between(n, generator, 2 * config.shift) for _ in range(2))
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cosine * mirror, -sine, shift_x], 1),
        torch.stack([sine * mirror, cosine, shift_y], 1),
    ]
    return torch.stack(rows, 1)


def _light(images: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    n = len(images)
    if config.brightness or config.color:
        factors = torch.exp(
            _between((n, 1, 1, 1), generator, config.brightness)
            + _between((n, 3, 1, 1), generator, config.color)
        )
        images = images * factors
    if config.noise:
        strength = _between((n, 1, 1, 1), generator, config.noise)
        noise = torch.randn(images.shape, generator=generator, device=generator.device)
        images = images + noise * strength
    return images.clamp(0, 1)


def _between(shape: int | tuple[int, ...], generator: torch.Generator, limit: float) -> Tensor:
    """Return numbers drawn evenly from [-limit, limit]."""
    size = (shape,) if isinstance(shape, int) else shape
    return (torch.rand(size, generator=generator, device=generator.device) * 2 - 1) * limit
