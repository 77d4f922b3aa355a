import numpy as np
import torch

from tests.training import sky
from tests.training.test_loop import Journal
from training import adapt, loop
from training.model import build


def test_alignment_is_0_of_the_same_features_and_grows_with_a_shift():
    features = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))

    assert adapt.alignment(features, features).item() == 0
    near, far = (adapt.alignment(features, features + s).item() for s in (0.1, 1.0))
    assert 0 < near < far


def test_statistics_are_those_of_the_other_pictures_and_the_network_stays(config):
    network = build(config, sky.tree()).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    other = np.full((64, 32, 32, 3), 200, np.uint8)

    adapted = adapt.with_statistics_of(network, other)

    assert all(torch.equal(network.state_dict()[n], t) for n, t in before.items())
    changed = {n for n, t in adapted.state_dict().items() if not torch.equal(t, before[n])}
    assert changed
    assert all("running" in name or "num_batches" in name for name in changed)
    assert not adapted.training


def test_a_simulated_shift_hurts_and_is_reported(dataset, config):
    network = loop.fit(dataset, config.replace(epochs=8), Journal()).network

    found = adapt.judged_adaptation(network, dataset)

    assert found["shifted_nll"] > found["as_taken_nll"]
    assert np.isfinite(found["shifted_adapted_nll"])


def test_the_shift_is_the_same_each_time_and_keeps_the_shape():
    images = sky.galaxies(4)[1]

    assert np.array_equal(adapt.shifted(images), adapt.shifted(images))
    assert adapt.shifted(images).shape == images.shape
