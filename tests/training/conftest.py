"""What the training's tests share."""

import pytest
import torch

from tests.training import sky
from training.config import Config
from training.dataset import from_catalog

CONFIG = Config(
    width=4,
    depth=2,
    size_px=32,
    epochs=3,
    batch_size=16,
    learning_rate=1e-2,
    warmup_epochs=0,
    ema_decay=0.9,
    masks=8,
    threads=1,
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Small networks are faster on one core, and two workers share the machine."""
    torch.set_num_threads(1)


@pytest.fixture
def config() -> Config:
    """A network that learns to tell drawn galaxies apart in seconds."""
    return CONFIG


@pytest.fixture(scope="session")
def dataset():
    """200 drawn galaxies, 20 people each."""
    catalog, images = sky.galaxies(200)
    return from_catalog(catalog, images, CONFIG)
