"""What a network says of galaxies whose votes are known, and how good that is."""

import numpy as np
import torch
from numpy.typing import NDArray

from training.dataset import Dataset
from training.model import Network


def predict_alpha(
    network: Network, dataset: Dataset, places: NDArray[np.int64], batch_size: int = 256
) -> NDArray[np.float32]:
    """Return concentrations, (len(places), K), with dropout off and in float32."""
    network.eval()
    found = [np.zeros((0, dataset.tree.n_answers), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(places), batch_size):
            batch = dataset.batch(places[start : start + batch_size])
            found.append(network(batch.images, batch.aux, batch.aux_mask).numpy())
    return np.concatenate(found)
