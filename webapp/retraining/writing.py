"""Writing a run directory: the votes, then the pictures block by block, then all of it at once.

It is made in a folder that no trainer looks into, and appears by a rename inside the transaction
that proves the lease. A worker that takes over goes on with the votes and the blocks that are
there; two that write the same block write the same bytes.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats import stamps
from inference.formats.atomic import file_sha256
from inference.formats.card_parts import InputSpec
from inference.formats.catalog import Catalog
from inference.formats.run import RunFolder
from inference.vision.picture import PictureRefused
from inference.vision.preprocess import read_stamp
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.retraining import configs, snapshot
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Phase, TrainingRun
from webapp.retraining.snapshot import Facts

BLOCK = 1024  # pictures
DRAFTS = ".drafts"  # in RUNS_DIR; the folders in it are no runs yet
FACTS = "site.json"  # what this site adds to a run directory


class NotWritten(DomainError):
    """The run directory cannot be written."""


class TreeChanged(DomainError):
    """The campaign asks another tree than when the run was asked for."""


class PictureLost(DomainError):
    """A galaxy's picture cannot be read."""


def write_run(run: TrainingRun) -> None:
    """Make a run's directory, and leave the run to the trainer.

    Raises:
        LeaseLost, WorkCancelled, WorkPaused: see `webapp.common.work`.
        DomainError: the disk is full, the votes are too few, or a picture is lost; nothing of the
            directory is left then.
    """
    drafts = Path(settings.RUNS_DIR) / DRAFTS / run.folder
    finished = folder_of(run)
    try:
        if not finished.is_ready():
            _write(run, drafts)
        _hand_over(run, drafts / f"whole-{run.token}", finished)
    except OSError as error:
        _clear_away(drafts)
        raise NotWritten(
            f"The run directory could not be written ({error.strerror or error}): make space in "
            f"{settings.RUNS_DIR} or correct its rights, and press Retrain again."
        ) from None
    except (DomainError, work.WorkCancelled):
        _clear_away(drafts)
        raise
    _clear_away(drafts)


def _write(run: TrainingRun, drafts: Path) -> None:
    if run.workflow.tree_id != run.tree_id:
        raise TreeChanged(
            "The campaign's tree was changed after Retrain was pressed: press it again, and the "
            "new tree is trained."
        )
    drafts.mkdir(parents=True, exist_ok=True)
    catalog, facts = _votes(run, drafts)
    spec = configs.input_of(run.config)
    _write_blocks(run, catalog, spec, drafts)
    whole = drafts / f"whole-{run.token}"
    shutil.rmtree(whole, ignore_errors=True)
    try:
        made = RunFolder.create(
            whole,
            catalog=catalog,
            blocks=_blocks(drafts, len(catalog)),
            spec=spec,
            config=run.config,
            parent_sha256=run.parent.sha256 if run.parent else "",
            training_data=facts.sentences(run),
        )
    except InferenceError as refusal:
        raise NotWritten(f"The run directory could not be made. {refusal}") from None
    facts.write(made.path / FACTS)


def _votes(run: TrainingRun, drafts: Path) -> tuple[Catalog, Facts]:
    """Return the votes of this run: those that an earlier worker has read, if there was one."""
    if kept := snapshot.stored(drafts):
        return kept
    catalog, facts = snapshot.take(run)
    with transaction.atomic():
        work.hold(run)  # one that was overtaken must not replace what is gone on with
        snapshot.store(drafts, catalog, facts)
        work.report(run, n_done=0, n_total=len(catalog))
    return catalog, facts


def _write_blocks(run: TrainingRun, catalog: Catalog, spec: InputSpec, drafts: Path) -> None:
    """Decode the pictures that no earlier worker has."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as readers:
        for start in range(0, len(catalog), BLOCK):
            end = min(start + BLOCK, len(catalog))
            path = _block_path(drafts, start)
            if not path.exists():
                places = range(start, end)
                pictures = list(readers.map(lambda i: picture(catalog, i, spec), places))
                stamps.write_stamps(path, [np.stack(pictures)], n=end - start, size_px=spec.size_px)
            with transaction.atomic():
                work.hold(run)
                work.report(run, n_done=end, n_total=len(catalog))
            work.rest(run)


def _block_path(drafts: Path, start: int) -> Path:
    return drafts / f"block-{start:09d}.npy"


def _blocks(drafts: Path, n: int) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, n, BLOCK):
        yield stamps.read_all_stamps(_block_path(drafts, start))


def picture(catalog: Catalog, place: int, spec: InputSpec) -> NDArray[np.uint8]:
    """Return a galaxy's picture at a model's size, uint8 (S, S, 3), made from the stored one.

    Raises:
        PictureLost: it is not there, or damaged.
    """
    try:
        with storages["default"].open(catalog.pictures[place]) as file:
            return read_stamp(file.read(), spec)
    except (OSError, PictureRefused) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise PictureLost(
            f"The picture of the galaxy {catalog.subject_ids[place]} cannot be read ({words}): "
            f"bring {catalog.pictures[place]} back from a backup, and press Retrain again."
        ) from None


@transaction.atomic
def _hand_over(run: TrainingRun, whole: Path, finished: RunFolder) -> None:
    """Let the directory appear, note what is in it, and leave the run to the trainer.

    A worker that died between the rename and the commit has left a directory that is taken as it
    is: it was made of this run, under its lease.
    """
    work.hold(run)
    if not finished.is_ready():
        whole.rename(finished.path)
    facts = Facts.read(finished.path / FACTS)
    run.phase = Phase.TRAIN
    run.snapshot_at = datetime.fromisoformat(facts.snapshot_at)
    run.last_classification_id = facts.last_classification_id
    run.n_subjects, run.n_classifications = facts.n_subjects, facts.n_classifications
    run.parts = facts.parts
    run.catalog_sha256 = file_sha256(finished.catalog_path)
    run.stamps_sha256 = file_sha256(finished.stamps_path)
    run.save(
        update_fields=[
            "phase", "snapshot_at", "last_classification_id", "n_subjects", "n_classifications",
            "parts", "catalog_sha256", "stamps_sha256",
        ]
    )  # fmt: skip
    work.hand_over(run)


def _clear_away(drafts: Path) -> None:
    shutil.rmtree(drafts, ignore_errors=True)
