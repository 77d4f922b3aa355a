import numpy as np
import pytest
import torch

from tests.training import sky
from training.augment import augment
from training.config import Config

STILL = Config(rotate=False, flip=False, zoom=0, shift=0, brightness=0, color=0, noise=0)


def units(n=8):
    _, images = sky.galaxies(n)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_everything_off_changes_nothing():
    images = units()

    assert torch.equal(augment(images, STILL, seeded()), images)


def test_the_same_generator_gives_the_same_pictures_and_another_others():
    images = units()

    first, again, other = (augment(images, Config(), seeded(s)) for s in (1, 1, 2))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_values_stay_between_black_and_white():
    bright = augment(units(), Config(brightness=1, noise=0.5, color=1), seeded())

    assert bright.min() >= 0
    assert bright.max() <= 1


def test_a_rotation_keeps_the_light_and_the_center():
    step = np.arange(33) - 16
    glow = np.exp(-np.hypot(step[:, None], step[None, :] * 2) / 4)
    images = torch.from_numpy(np.repeat(glow[None, None], 3, axis=1)).float().repeat(16, 1, 1, 1)

    turned = augment(images, STILL.replace(rotate=True), seeded())

    assert turned.sum((1, 2, 3)).numpy() == pytest.approx(images[0].sum().item(), rel=0.08)
    assert turned[:, 0, 16, 16].numpy() == pytest.approx(1.0, abs=0.02)
    assert (turned - images).abs().amax((1, 2, 3)).median() > 0.1


def test_every_angle_occurs():
    spot = torch.zeros(400, 3, 33, 33)
    spot[:, :, 16, 26:29] = 1.0

    turned = augment(spot, STILL.replace(rotate=True), seeded())[:, 0]

    rows, columns = torch.meshgrid(torch.arange(33) - 16, torch.arange(33) - 16, indexing="ij")
    light = turned.sum((1, 2))
    angle = torch.atan2((turned * rows).sum((1, 2)) / light, (turned * columns).sum((1, 2)) / light)
    counts = np.histogram(angle.numpy(), bins=8, range=(-np.pi, np.pi))[0]
    assert counts.min() > 25


def test_a_flip_mirrors_about_half_of_the_pictures():
    images = torch.rand(1, 3, 16, 16).repeat(200, 1, 1, 1)

    flipped = augment(images, STILL.replace(flip=True), seeded())

    mirrored = [torch.allclose(one, images[0].flip(2), atol=1e-4) for one in flipped]
    kept = [torch.allclose(one, images[0], atol=1e-4) for one in flipped]
    assert sum(mirrored) + sum(kept) == 200
    assert 60 < sum(mirrored) < 140


def test_beyond_the_edge_the_picture_is_mirrored_and_not_black():
    images = torch.ones(32, 3, 16, 16)

    moved = augment(images, STILL.replace(shift=0.5, zoom=0.9, rotate=True), seeded())

    assert moved.min() > 0.99
