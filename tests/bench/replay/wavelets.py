"""What a picture shows, by fixed wavelets: a scattering network, of which nothing is learned.

Moduli of Morlet wavelets, and of those again (Bruna & Mallat 2013, IEEE TPAMI 35, 1872), averaged
over rings around the center so that neither the angle nor the mirror image matters. They know no
vote, are computed once for all seeds, and leave the learned part small enough to be trained again
and again inside a replay.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SCALES, ANGLES = 4, 8  # wavelengths double; angles spread over half a turn
_RINGS = (0.0, 0.09, 0.19, 0.31, 0.47, 0.69, 1.0)  # edges, in half sides of the picture
_COARSE = ((0, 1), (2, 3), (4, 5))  # rings taken together for the second order
_HARMONICS = (1, 2, 3, 4)
_LEAST = 1e-4
_BLOCK = 32


def wavelet_features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what is seen in pictures, (N, F) without units, of uint8 (N, S, S, 3)."""
    bank = _Bank(images.shape[1])
    with torch.inference_mode():
        blocks = [
            bank.features(torch.tensor(images[start : start + _BLOCK]))
            for start in range(0, len(images), _BLOCK)
        ]
    return torch.cat(blocks).numpy()


class _Bank:
    """Filters and rings for pictures of one size, halved once for each scale."""

    def __init__(self, size_px: int) -> None:
        self.rings = [_rings(size_px >> half) for half in range(SCALES)]
        self.waves = [
            torch.fft.fft2(_morlets(size_px >> half, SCALES - half)) for half in range(SCALES)
        ]
        self.azimuth = _polar(size_px)[1]

    def features(self, images: Tensor) -> Tensor:
        """Return (n, F) of uint8 (n, S, S, 3)."""
        color = (images.float() / 255).sqrt().permute(0, 3, 1, 2)
        light = color.mean(1)
        first = _moduli(light, self.waves[0])
        parts = [
            torch.log(_LEAST + _over(color, self.rings[0])),
            *self._harmonics(light),
            *self._first_order(first),
            *self._second_order(first),
        ]
        return torch.cat([part.flatten(1) for part in parts], 1)

    def _harmonics(self, light: Tensor) -> Iterator[Tensor]:
        """Yield how uneven the light of a ring is, and how its two arms turn from ring to ring."""
        waves = torch.stack([torch.exp(1j * m * self.azimuth) for m in _HARMONICS])
        found = _over(light[:, None] * waves, self.rings[0].to(torch.complex64))
        yield torch.log(_LEAST + found.abs())
        two = found[:, _HARMONICS.index(2)]
        turn = two[:, 1:] * two[:, :-1].conj() / (_LEAST + two[:, 1:].abs() ** 2)
        yield turn.real.clamp(-2, 2)

    def _first_order(self, first: Tensor) -> Iterator[Tensor]:
        """Yield how much there is of each size, how much of it lies one way, and which way."""
        rings = _over(first, self.rings[0])  # (n, scales, angles, rings)
        total = _LEAST + rings.sum(2)
        yield torch.log(_LEAST + rings.mean(2))
        yield torch.fft.fft(rings, dim=2).abs()[:, :, 1:3] / total[:, :, None]
        # The angle of a structure against the direction to the center tells arms from bars.
        angle = torch.arange(ANGLES)[:, None, None] * torch.pi / ANGLES
        turned = 2 * (angle - self.azimuth)
        yield _over((first * turned.cos()).sum(2), self.rings[0]) / total
        yield _over((first * turned.sin()).sum(2), self.rings[0]).abs() / total

    def _second_order(self, first: Tensor) -> Iterator[Tensor]:
        """Yield how much of each size is laid out in larger ones, by the angle between the two."""
        for scale in range(SCALES - 1):
            half = scale + 1  # what is left after a modulus is coarser: fewer pixels hold it
            maps = functional.avg_pool2d(first[:, scale], 2**half)
            coarse = torch.stack([self.rings[half][list(pair)].mean(0) for pair in _COARSE])
            again = _over(_moduli(maps, self.waves[half]), coarse)
            for turn in range(ANGLES // 2 + 1):
                pairs = [
                    again[:, angle, :, (angle + side * turn) % ANGLES]
                    for angle in range(ANGLES)
                    for side in (-1, 1)
                ]
                yield torch.log(_LEAST + torch.stack(pairs).mean(0))


def _over(maps: Tensor, rings: Tensor) -> Tensor:
    """Return the mean over each ring, (n, ..., rings), of maps (n, ..., S, S)."""
    return maps.flatten(-2) @ rings.flatten(1).T


def _moduli(maps: Tensor, waves: Tensor) -> Tensor:
    """Return (n, ..., scales, angles, S, S) of maps (n, ..., S, S)."""
    return torch.fft.ifft2(torch.fft.fft2(maps)[..., None, None, :, :] * waves).abs()


def _polar(size_px: int) -> tuple[Tensor, Tensor]:
    """Return distance from the center in half sides and azimuth in radians, (S, S) each."""
    step = (torch.arange(size_px) + 0.5) / size_px * 2 - 1
    y, x = torch.meshgrid(step, step, indexing="ij")
    return torch.hypot(x, y), torch.atan2(y, x)


def _rings(size_px: int) -> Tensor:
    """Return weights that average over each ring, (rings, S, S)."""
    radius = _polar(size_px)[0]
    edges = pairwise(_RINGS)
    inside = torch.stack([((radius >= low) & (radius < high)).float() for low, high in edges])
    return inside / inside.sum((1, 2), keepdim=True).clamp(min=1)


def _morlets(size_px: int, n_scales: int) -> Tensor:
    """Return complex wavelets around place 0, (scales, angles, S, S), without a mean."""
    place = torch.fft.fftfreq(size_px, 1 / size_px)
    y, x = torch.meshgrid(place, place, indexing="ij")
    found = []
    for scale in range(n_scales):
        width, frequency = 0.8 * 2**scale, 0.75 * torch.pi / 2**scale
        for number in range(ANGLES):
            angle = torch.tensor(number * torch.pi / ANGLES)
            along = x * torch.cos(angle) + y * torch.sin(angle)
            across = (y * torch.cos(angle) - x * torch.sin(angle)) * 4 / ANGLES
            envelope = torch.exp(-(along**2 + across**2) / (2 * width**2))
            wave = torch.exp(1j * frequency * along)
            wave = envelope * (wave - (envelope * wave).sum() / envelope.sum())
            found.append(wave / envelope.sum())
    return torch.stack(found).view(n_scales, ANGLES, size_px, size_px)
