"""What two models say of the galaxies that were held out, and whether one says it twice alike."""

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats.card_parts import InputSpec
from inference.formats.catalog import Catalog
from inference.formats.golden import golden_images
from inference.formats.run import RunFolder
from inference.formats.split import TEST
from inference.formats.tree import Tree
from inference.vision.providers import OFF
from inference.vision.session import ALPHA, Session
from webapp.common.errors import DomainError
from webapp.registry.models import ModelVersion
from webapp.registry.services import model_path
from webapp.retraining.writing import picture

MOST_JUDGED = 5000  # galaxies; by hash, so the same ones for every model
BLOCK = 256
N_REPEATED = 100
_PER_SEED = 4  # pictures that golden_images makes

Stamps = Callable[[NDArray[np.int64], InputSpec], NDArray[np.uint8]]


class CannotJudge(DomainError):
    """A model or the pictures cannot be used."""


def held_out(catalog: Catalog) -> NDArray[np.int64]:
    """Return the places of the galaxies that judge: the test part, at most the first 5,000 by hash.

    Neither the part nor the order knows anything of the run, so a galaxy that judged once is never
    learned from.
    """
    places = np.flatnonzero(catalog.splits() == TEST)
    order = sorted(
        places, key=lambda place: hashlib.sha256(catalog.groups[place].encode()).digest()
    )
    return np.sort(np.array(order[:MOST_JUDGED], np.int64))


def stamps_of(folder: RunFolder, catalog: Catalog, own: InputSpec) -> Stamps:
    """Return what gives galaxies' pictures at any model's size: the run's own, or made anew."""
    stored = folder.open_stamps(own, len(catalog))

    def some(places: NDArray[np.int64], spec: InputSpec) -> NDArray[np.uint8]:
        if spec == own:
            return np.ascontiguousarray(stored[places])
        return np.stack([picture(catalog, int(place), spec) for place in places])

    return some


def concentrations(
    model: ModelVersion,
    tree: Tree,
    places: NDArray[np.int64],
    stamps: Stamps,
    rest: Callable[[], None],
) -> NDArray[np.float64]:
    """Return what a model says of galaxies, calibrated and along this tree, (n, K).

    Args:
        tree: has every answer of the model's, by key, and no other.
        rest: called between two blocks.

    Raises:
        CannotJudge: the file is lost or damaged, or the runtime fails.
    """
    try:
        session = Session.open(model_path(model), gpu=OFF, expected_sha256=model.sha256, warm=False)
        try:
            card = session.card
            found = np.zeros((len(places), tree.n_answers))
            axis = np.array(tree.axis_from(card.tree), np.int64)
            for start in range(0, len(places), BLOCK):
                rest()
                images = stamps(places[start : start + BLOCK], card.input)
                found[start : start + BLOCK, axis] = (
                    session.run(images, [ALPHA])[ALPHA] * card.kappa()
                )
        finally:
            session.close()
    except InferenceError as refusal:
        raise CannotJudge(f"{model} cannot be judged. {refusal}") from None
    if not np.isfinite(found).all() or (found <= 0).any():
        raise CannotJudge(
            f"{model} answers with no finite number above 0 to a picture that is held out: train "
            f"with a lower learning_rate, or in float32."
        )
    return found


def is_repeatable(model: ModelVersion) -> bool:
    """Say whether two sessions of a model say the same of 100 pictures, to the last bit.

    Raises:
        CannotJudge: the file is lost or damaged.
    """
    said = [_said_of_golden(model) for _ in range(2)]
    return said[0] == said[1]


def _said_of_golden(model: ModelVersion) -> list[bytes]:
    try:
        session = Session.open(model_path(model), gpu=OFF, expected_sha256=model.sha256, warm=False)
        try:
            size_px = session.card.input.size_px
            return [
                session.run(golden_images(seed, size_px), [ALPHA])[ALPHA].tobytes()
                for seed in range(N_REPEATED // _PER_SEED)
            ]
        finally:
            session.close()
    except InferenceError as refusal:
        raise CannotJudge(f"{model} cannot be judged. {refusal}") from None
