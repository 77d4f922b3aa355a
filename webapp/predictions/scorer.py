"""The network that this process has loaded, and what of its words is stored."""

import logging

import numpy as np
from django.conf import settings

from inference.belief.ignorance import tree_bald
from inference.errors import InferenceError
from inference.formats.card import Card
from inference.vision.predict import Scored
from inference.vision.session import ALPHA, ALPHA_MC, EMBEDDING, Session
from webapp.common.errors import DomainError
from webapp.predictions.said import Said
from webapp.registry.models import ModelVersion
from webapp.registry.services import model_path

logger = logging.getLogger(__name__)


class CannotLoad(DomainError):
    """The network does not run on this machine."""


_loaded: dict[str, Session] = {}  # one at most, by hash


def session_for(model: ModelVersion, *, gpu: str = "") -> Session:
    """Return a network's session, loaded and proved once a process; the one before is freed.

    Args:
        gpu: "require", "prefer" or "off"; as the settings say if not given.

    Raises:
        CannotLoad: the file is lost or damaged, or a GPU is required and there is none.
    """
    if model.sha256 not in _loaded:
        session = _open(model, gpu or settings.GPU)
        forget()
        _loaded[model.sha256] = session
        logger.info("%s runs on %s.", model, session.provider)
    return _loaded[model.sha256]


def loaded_sha256() -> str:
    """Return the hash of the network that is loaded; empty for none."""
    return next(iter(_loaded), "")


def forget() -> None:
    """Free the loaded network."""
    for session in _loaded.values():
        session.close()
    _loaded.clear()


def _open(model: ModelVersion, gpu: str) -> Session:
    try:
        return Session.open(
            model_path(model),
            gpu=gpu,
            threads=settings.SCORING_THREADS,
            expected_sha256=model.sha256,
        )
    except InferenceError as error:
        raise CannotLoad(f"{model} does not run here: {error}") from None


def said(scored: Scored, card: Card) -> Said:
    """Return what is stored of a batch: calibrated, with ignorance."""
    errors = [*scored.errors]
    concentrations = (scored.outputs[ALPHA] * card.kappa()).astype(np.float32)
    ignorance = tree_bald(np.nan_to_num(scored.outputs[ALPHA_MC], nan=1.0), card.tree)
    embedding = scored.outputs[EMBEDDING].astype(np.float16)
    whole = np.isfinite(embedding).all(axis=1) & np.isfinite(scored.outputs[ALPHA_MC]).all((1, 2))
    for place in np.flatnonzero(~whole):
        errors[place] = errors[place] or (
            f"The network {card.model_id} answers to this picture with numbers that are not finite."
        )
    ignorance[[error is not None for error in errors]] = np.nan
    return Said(concentrations, ignorance.astype(np.float32), embedding, tuple(errors))
