"""A loaded network on trial: golden and random pictures, each twice, and what comes out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.formats.card import EMBEDDING_SIZE, Card
from inference.formats.golden import golden_images
from inference.vision.contract import ALPHA, ALPHA_MC, CAM, EMBEDDING, FEATURES, POOLED
from inference.vision.model_file import ModelRefused
from inference.vision.session import Session

_N_RANDOM, _SEED = 3, 20_260_131
# Between a picture alone and among others: another batch size adds in another order.
_RELATIVE, _ABSOLUTE = 0.01, 0.05

Outputs = dict[str, NDArray[Any]]


def check_outputs(session: Session, name: str) -> None:
    """Raise ModelRefused unless golden and random pictures give sound numbers, twice the same."""
    card = session.card
    random = np.random.default_rng(_SEED)
    size_px = card.input.size_px
    golden = golden_images(card.golden.seed, size_px)
    noise = random.integers(0, 256, (_N_RANDOM, size_px, size_px, 3), dtype=np.uint8)
    aux = random.normal(size=(_N_RANDOM, len(card.aux_names))).astype(np.float32)
    known = random.random(aux.shape) < 0.5
    first, second = (session.run(golden, session.outputs) for _ in range(2))
    for outputs in (first, session.run(noise, session.outputs, aux, known)):
        _check_values(outputs, name)
        _check_shapes(outputs, card, name)
    session.check_golden()
    _check_same(first, second, name)
    _check_alone(first, session.run(golden[:1], session.outputs), name)


def _check_values(outputs: Outputs, name: str) -> None:
    for output, values in outputs.items():
        if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            raise ModelRefused(
                f"{name} gives {output} with values that are no finite numbers: its weights are "
                f"damaged, or the training failed; export an earlier checkpoint."
            )
    for output in (ALPHA, ALPHA_MC):
        if (outputs[output] <= 0).any():
            raise ModelRefused(
                f"{name} gives {output} down to {outputs[output].min():.3g}, and a concentration "
                f"is above 0: export the network with its last activation."
            )


def _check_shapes(outputs: Outputs, card: Card, name: str) -> None:
    """What a file declares of its outputs binds nobody; what comes out is what counts."""
    n, k = len(outputs[ALPHA]), card.tree.n_answers
    channels = outputs[POOLED].shape[-1]
    cells = outputs[FEATURES].shape[2:]
    expected = {
        ALPHA: (n, k),
        ALPHA_MC: (n, card.masks.samples, k),
        EMBEDDING: (n, EMBEDDING_SIZE),
        POOLED: (n, channels),
        FEATURES: (n, outputs[FEATURES].shape[1], *cells[:2]),
        CAM: (n, k, *cells),
    }
    for output, values in outputs.items():
        if output in expected and values.shape != expected[output]:
            raise ModelRefused(
                f"{name} gives {output} of the shape {values.shape}, and the contract and its card "
                f"want {expected[output]}: export the model again."
            )


def _check_same(first: Outputs, second: Outputs, name: str) -> None:
    for output, values in first.items():
        if not np.array_equal(values, second[output]):
            raise ModelRefused(
                f"{name} gives another {output} for the same pictures the second time: take the "
                f"random operators out, and export it again."
            )


def _check_alone(together: Outputs, alone: Outputs, name: str) -> None:
    alpha, expected = alone[ALPHA][0], together[ALPHA][0]
    if not np.allclose(alpha, expected, rtol=_RELATIVE, atol=_ABSOLUTE):
        raise ModelRefused(
            f"{name} says something else of a picture alone than among others (alpha differs by up "
            f"to {np.abs(alpha - expected).max():.3g}): export the network in evaluation mode."
        )
