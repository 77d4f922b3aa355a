"""`predict MODEL PICTURES… --out predictions.parquet`: vote fractions with their uncertainty."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.belief.beta_table import quick_intervals
from inference.belief.dirichlet import fractions, reached
from inference.belief.ignorance import tree_bald
from inference.errors import InferenceError
from inference.formats.card import Card
from inference.formats.predictions import Predictions, PredictionsWriter
from inference.vision.predict import Scored, predict
from inference.vision.session import ALPHA, ALPHA_MC, EMBEDDING, Session

_SUFFIXES = {".jpg", ".jpeg", ".png", ".fits", ".fit", ".fts", ".fz", ".gz", ".bz2"}


class NoPictures(InferenceError):
    """Nothing to predict was named."""


def run(model: Path, pictures: Sequence[Path], out: Path, gpu: str, threads: int) -> int:
    """Predict every picture; those that cannot be read are named in the column `error`."""
    files = picture_files(pictures)
    session = Session.open(model, gpu=gpu, threads=threads)
    n_errors = 0
    with (
        PredictionsWriter(
            out, session.card, sha256=session.sha256, provider=session.provider
        ) as writer,
        tqdm(total=len(files), unit="picture", disable=None) as bar,
    ):
        for scored in predict(session, files, decode_threads=threads):
            writer.write(predictions_of(scored, session.card))
            n_errors += sum(error is not None for error in scored.errors)
            bar.update(len(scored))
    session.shrink()
    words = f", {n_errors:,} of them could not be read (see the column error)" if n_errors else ""
    print(  # noqa: T201 -- this is a command
        f"{len(files):,} pictures{words}: {out}, by {session.card.model_id} "
        f"({session.sha256[:12]}) on {session.provider}."
    )
    if n_errors == len(files):
        print("No picture could be read.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def predictions_of(scored: Scored, card: Card) -> Predictions:
    """Return what is stored of a batch: calibrated, with intervals and ignorance."""
    tree = card.tree
    kappa = card.kappa().astype(np.float32)
    alpha = scored.outputs[ALPHA] * kappa
    shares = fractions(alpha, tree)
    lower, upper = quick_intervals(np.nan_to_num(alpha, nan=1.0), tree)
    unread = np.array([error is not None for error in scored.errors])
    lower[unread] = upper[unread] = np.nan
    ignorance = tree_bald(np.nan_to_num(scored.outputs[ALPHA_MC], nan=1.0), tree)
    ignorance[unread] = np.nan
    asked = reached(np.nan_to_num(shares), tree)
    asked[unread] = np.nan
    return Predictions(
        pictures=scored.sources,
        errors=scored.errors,
        alpha=alpha,
        fraction=shares,
        lower_90=lower,
        upper_90=upper,
        reached=asked,
        ignorance=ignorance,
        embedding=scored.outputs[EMBEDDING],
    )


def picture_files(named: Sequence[Path]) -> list[Path]:
    """Return files as they were named, and a folder's pictures in the order of their names.

    Raises:
        NoPictures: a folder holds none, or is not there.
    """
    files: list[Path] = []
    for path in named:
        found = [path] if not path.is_dir() else list(_pictures_in(path))
        if not found:
            raise NoPictures(
                f"The folder {path} holds no pictures: name one with JPEG, PNG or FITS files."
            )
        files += found
    return files


def _pictures_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            yield path
