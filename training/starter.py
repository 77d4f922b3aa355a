"""The network that comes with the software: trained on Galaxy Zoo 2, judged on galaxies unseen.

One network learns from the galaxies with partial votes, which are no fair sample and so judge
nothing. From it five are trained further, each without a fifth of the fully voted galaxies and of
those with raw counts (by hash); together they predict each of these exactly once, never having
seen it. That prediction is what the tables judge and the calibration is fitted to. The network
that ships is trained in the same way with nothing left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inference.belief.calibration import fit_scales, scaled, set_sha256
from inference.formats.atomic import write_text
from inference.formats.card import Calibration
from inference.formats.catalog import Catalog
from inference.formats.run import now
from inference.formats.split import TEST, TRAIN, VALIDATION, fold_of, split_of
from inference.formats.stamps import read_stamps, write_stamps
from training.checkpoint import save_weights
from training.config import Config
from training.dataset import Dataset, from_catalog
from training.energy import EnergyMeter
from training.evaluate import Evaluation, judge, predict_alpha
from training.export_onnx import draft_card
from training.gz2 import COUNTED, FULL, PARTIAL, TRAINING_DATA, read_gz2
from training.journal import TerminalJournal
from training.loop import Fitted, Journal, fit
from training.pipeline import export_dataset
from training.report import coverage_table, question_table, shown
from training.stamps import stamp_blocks

KINDS = (FULL, PARTIAL, COUNTED)
N_FOLDS = 5
_ENOUGH_COUNTS = 50  # galaxies with raw counts, to calibrate a question by these alone
CONFIG = Config(
    width=32,
    depth=4,
    stem_stride=2,
    size_px=96,
    crop=0.5,
    dropout=0.3,
    epochs=40,
    learning_rate=3e-3,
    patience=40,
    precision="bfloat16",
)
FURTHER = {"epochs": 16, "learning_rate": 1e-3, "warmup_epochs": 1.0}


@dataclass(frozen=True, eq=False)
class Starter:
    """What the trainings gave.

    `alpha` is (N, K): each judged galaxy's concentrations from a network that never saw it, raw.
    """

    catalog: Catalog
    dataset: Dataset
    kinds: NDArray[np.str_]
    folds: NDArray[np.int64]  # (N,), -1 where a galaxy judges nothing
    alpha: NDArray[np.float32]
    fitted: Fitted


def train_starter(
    data: Path, folder: Path, journal_of: Callable[[str], Journal], config: Config = CONFIG
) -> Starter:
    """Train the starter network and its five judges; a killed training goes on where it was.

    Args:
        data: folder of the public tables and pictures, see gz2.py.
        folder: where checkpoints are kept.
        journal_of: gives each training, by its name, somebody to tell how it goes.
    """
    catalog, kinds = read_gz2(data)
    images = _stamps(catalog, data, config, folder)
    judged = kinds != PARTIAL
    folds = np.array([fold_of(group, N_FOLDS) for group in catalog.groups])
    folds[~judged] = -1

    def trained(name: str, config: Config, left_out: NDArray[np.bool_]) -> tuple[Dataset, Fitted]:
        dataset = from_catalog(catalog, images, config, _splits(catalog, judged, left_out))
        return dataset, fit(
            dataset, config, journal_of(name), checkpoints=folder / name / "checkpoints"
        )

    _, first = trained("partial", config, judged)
    weights = folder / "partial.safetensors"
    save_weights(weights, first.network.state_dict(), {"tree": catalog.tree.to_json()})
    further = config.replace(**FURTHER, pretrained=str(weights))
    alpha = np.full(catalog.votes.shape, np.nan, np.float32)
    for fold in range(N_FOLDS):
        dataset, fold_fitted = trained(f"fold-{fold}", further, folds == fold)
        places = dataset.part(TEST)
        alpha[places] = predict_alpha(fold_fitted.network, dataset, places)
    dataset, fitted = trained("all", further, np.zeros(len(catalog), bool))
    return Starter(catalog, dataset, kinds, folds, alpha, fitted)


def make_starter(data: Path, out: Path, work: Path) -> str:
    """Train, judge and write the network that ships, its card beside it; return the tables.

    Args:
        data: folder of the public tables and pictures, see gz2.py.
        out: the model file; its card for people is written to `<out without suffix>-card.md`.
        work: folder of checkpoints: a killed training goes on.
    """
    with EnergyMeter(work / "energy.json", gpu=torch.cuda.is_available()) as meter:
        made = train_starter(data, work, lambda name: TerminalJournal(None, CONFIG.epochs, name))
        energy = meter.energy
    evaluations = judged(made)
    card = replace(
        draft_card(made.fitted.network, model_id="galaxy-zoo-2-starter", created_at=_made_at(work)),
        calibration=calibration_of(made, np.flatnonzero(made.folds >= 0)),
        training_data=TRAINING_DATA,
        metrics={name: evaluation.headline() for name, evaluation in evaluations.items()},
        lineage={
            "config": CONFIG.to_json() | {"further": FURTHER},
            "galaxies": {kind: int((made.kinds == kind).sum()) for kind in KINDS},
            "judged_by": f"{N_FOLDS}-fold cross-validation by hash of the survey id",
            "energy": energy.to_json(),
            "torch": torch.__version__,
        },
    )
    sha256 = export_dataset(made.fitted.network, card, made.dataset, out)
    words = (
        f"# {card.model_id}\n\n`{out.name}`, SHA-256 `{sha256}`, {out.stat().st_size:,} bytes, "
        f"made {card.created_at[:10]} by `make starter`.\n\n{TRAINING_DATA}\n\n"
        f"{tables(made, evaluations)}\n\nEnergy: {energy}.\n"
    )
    write_text(out.with_name(f"{out.stem}-card.md"), words)
    return words


def judged(made: Starter) -> dict[str, Evaluation]:
    """Return the scores of galaxies with all fractions, and of those with raw counts.

    Each galaxy is predicted by a network that never saw it, and calibrated by the galaxies of the
    other folds.
    """
    alpha = np.array(made.alpha, np.float32)
    for fold in range(N_FOLDS):
        others = np.flatnonzero((made.folds >= 0) & (made.folds != fold))
        inside = made.folds == fold
        scales = dict(calibration_of(made, others).scales)
        alpha[inside] = scaled(made.alpha[inside], scales, made.catalog.tree)
    return {
        kind: judge(made.dataset, places, alpha[places], None)
        for kind in (FULL, COUNTED)
        if len(places := np.flatnonzero(made.kinds == kind))
    }


def calibration_of(made: Starter, places: NDArray[np.int64]) -> Calibration:
    """Return the scales fitted to the judged galaxies at these places.

    By those with raw counts where enough were asked a question, as only counts of people scatter
    as people do; otherwise by all.
    """
    tree, votes, asked = made.catalog.tree, made.catalog.votes, made.catalog.asked
    counted = places[made.kinds[places] == COUNTED]
    by_counts = fit_scales(made.alpha[counted], votes[counted], asked[counted], tree)
    by_all = fit_scales(made.alpha[places], votes[places], asked[places], tree)
    enough = (asked[counted] > 0).sum(axis=0) >= _ENOUGH_COUNTS
    scales = {
        question.key: (by_counts if enough[question.index] else by_all)[question.key]
        for question in tree.questions
    }
    ids = [made.catalog.subject_ids[place] for place in places]
    return Calibration(scales, set_sha256(ids, votes[places]), len(places))


def tables(made: Starter, evaluations: Mapping[str, Evaluation]) -> str:
    """Return the tables for people, Markdown."""
    full, counted = evaluations[FULL], evaluations[COUNTED]
    tree = made.catalog.tree
    likelihood = (
        f"Negative log-likelihood, nats a galaxy: {shown(full.scores.nll)} of fractions (the mean "
        f"fractions for all alike: {shown(full.mean.nll)}), {shown(counted.scores.nll)} of counts "
        f"({shown(counted.mean.nll)})."
    )
    return "\n\n".join(
        [
            f"## Fractions of {full.scores.n} galaxies never trained on ({N_FOLDS}-fold by hash)",
            question_table(full.scores, tree),
            f"## Raw counts of {counted.scores.n} Stripe 82 galaxies never trained on",
            question_table(counted.scores, tree),
            "### Intervals of the raw counts",
            coverage_table(counted.scores.coverage["all"]),
            likelihood,
        ]
    )


def _made_at(work: Path) -> str:
    """Return when the training ended, the same when it is exported again."""
    path = work / "made-at.txt"
    if not path.exists():
        write_text(path, now())
    return path.read_text()


def _stamps(catalog: Catalog, data: Path, config: Config, folder: Path) -> NDArray[np.uint8]:
    """Return the pictures at model size, made once in the folder."""
    path, size_px = folder / f"stamps-{config.size_px}.npy", config.size_px
    if not path.exists():
        pictures = [data / name for name in catalog.pictures]
        write_stamps(path, stamp_blocks(pictures, config.input), n=len(catalog), size_px=size_px)
    return read_stamps(path, n=len(catalog), size_px=size_px)


def _splits(
    catalog: Catalog, judged: NDArray[np.bool_], left_out: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """Return the split of each galaxy: a tenth of the partly voted watches over the epochs."""
    watching = np.array([split_of(group) == VALIDATION for group in catalog.groups]) & ~judged
    return np.where(left_out, TEST, np.where(watching, VALIDATION, TRAIN))
