"""From a run directory to a model file with its report: learn, judge, export, tell."""

import functools
import hashlib
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats.card import Card
from inference.formats.run import CANCELLED, DONE, FAILED, Request, Result, RunFolder, now
from inference.formats.split import TRAIN
from training import checkpoint
from training.adapt import judged_adaptation, with_statistics_of
from training.config import Config
from training.dataset import Dataset, from_run
from training.energy import EnergyMeter
from training.errors import Cancelled
from training.evaluate import Evaluation, evaluate
from training.export_onnx import draft_card, export
from training.journal import RunJournal
from training.loop import Fitted, Journal, fit
from training.model import Network
from training.report import write_report
from training.served import fit_projection, pooled_features

_PROJECTED = 4096  # galaxies that the embedding's axes are found from
_COMPARED = 64  # galaxies by which the file is compared with the network
Wrapped = Callable[[RunJournal, int], Journal]


def train_run(run: RunFolder, worker: str, *, wrapped: Wrapped = lambda inner, _: inner) -> Result:
    """Train a run directory that this worker holds, and write its result.

    Args:
        wrapped: puts another journal around the run's own, such as one with a progress bar.

    Raises:
        InferenceError: the run failed or was cancelled; its result says the same sentence.
    """
    journal = RunJournal(run, worker)
    try:
        result = _trained(run, journal, wrapped)
    except Cancelled as cancelled:
        if journal.holds_claim() and run.is_cancelled():
            run.write_result(Result(CANCELLED, now(), error=str(cancelled)))
        raise
    except InferenceError as refusal:
        if is_first():
            run.say(str(refusal))
            run.write_result(Result(FAILED, now(), error=str(refusal)))
        raise
    if not is_first():
        return result
    if not journal.holds_claim():
        raise Cancelled(
            f"The run {run.path.name} was taken over by {run.claimed_by()} meanwhile: what this "
            f"process made is left out."
        )
    run.write_result(result)
    return result


def _trained(run: RunFolder, journal: RunJournal, wrapped: Wrapped) -> Result:
    request, config, dataset = opened(run)
    outer = wrapped(journal, config.epochs)
    unlabeled = run.open_unlabeled(config.input) if config.adapt != "none" else None
    kept = run.path / "energy.json" if is_first() else None
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    with EnergyMeter(kept, gpu=torch.cuda.is_available(), n_processes=n_processes) as meter:
        journal.after_epoch = meter.store
        fitted = fit(dataset, config, outer, checkpoints=run.checkpoints, unlabeled=unlabeled)
        if not is_first():  # of several processes one tells
            return Result(DONE, now())
        with journal.beating(stage="judging"):
            return _judged(run, (request, config, dataset), fitted, meter, unlabeled, outer)


def _judged(  # noqa: PLR0917 - what a training ends with
    run: RunFolder,
    opened: tuple[Request, Config, Dataset],
    fitted: Fitted,
    meter: EnergyMeter,
    unlabeled: NDArray[np.uint8] | None,
    journal: Journal,
) -> Result:
    """Adapt, judge, export and report what was fitted."""
    request, config, dataset = opened
    network, notes = _adapted(fitted.network, config, dataset, unlabeled)
    evaluation = evaluate(network, dataset)
    energy = {"energy": meter.energy.to_json()}
    facts = lineage(request, config, dataset, fitted.progress.epoch) | energy | notes
    card = make_card(network, request, evaluation, facts)
    sha256 = export_dataset(network, card, dataset, run.model_path)
    checkpoint.save_weights(
        run.path / "weights.safetensors", network.state_dict(), {"tree": dataset.tree.to_json()}
    )
    write_report(
        run.path / "report",
        evaluation,
        card=card,
        config=config,
        history=fitted.progress.history,
        model_sha256=sha256,
    )
    journal.say(f"Done: {run.model_path}, {sha256[:12]}.")
    return Result(DONE, now(), model_sha256=sha256, metrics=evaluation.headline())


def opened(run: RunFolder) -> tuple[Request, Config, Dataset]:
    """Return what a run directory asks for, all checked."""
    request = run.read_request()
    config = Config.parse(request.config)
    return request, config, from_run(run, config)


def export_dataset(
    network: Network, card: Card, dataset: Dataset, path: Path, *, half: bool = False
) -> str:
    """Export a network with the embedding that the data set gives it; return the SHA-256."""
    places = dataset.part(TRAIN)[:_PROJECTED]
    projection = fit_projection(pooled_features(network, dataset.images[places]))
    images = np.ascontiguousarray(dataset.images[places[:_COMPARED]])
    return export(network, card, projection, path, images=images, half=half)


def make_card(
    network: Network, request: Request, evaluation: Evaluation, facts: Mapping[str, Any]
) -> Card:
    """Return the card, but for what only the export can know."""
    name = f"{network.tree.key}-{request.run_id[:8]}"
    return replace(
        draft_card(network, model_id=name, created_at=request.created_at),
        calibration=evaluation.calibration,
        lineage=facts,
        metrics=evaluation.headline(),
        training_data=request.training_data,
    )


def lineage(request: Request, config: Config, dataset: Dataset, epochs: int) -> dict[str, Any]:
    """Return where a network comes from: what made it can be found again."""
    return {
        "parent_sha256": request.parent_sha256,
        "catalog_sha256": request.catalog_sha256,
        "stamps_sha256": request.stamps_sha256,
        "config": config.to_json(),
        "epochs": epochs,
        "galaxies": {str(s): int((dataset.splits == s).sum()) for s in np.unique(dataset.splits)},
        "code_sha256": code_sha256(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


@functools.cache
def code_sha256() -> str:
    """Return the version of the code that trains: the hash of every module of both packages."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for package in ("inference", "training"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def is_first() -> bool:
    """Return whether this is the process that writes files, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _adapted(
    network: Network, config: Config, dataset: Dataset, unlabeled: NDArray[np.uint8] | None
) -> tuple[Network, dict[str, Any]]:
    """Return the network for the second survey, and what adapting did to galaxies held out."""
    if config.adapt == "none" or unlabeled is None:
        return network, {}
    if config.adapt == "statistics":
        notes = {"adaptation": judged_adaptation(network, dataset)}
        return with_statistics_of(network, unlabeled), notes
    return network, {}
