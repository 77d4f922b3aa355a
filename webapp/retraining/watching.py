"""Copying what a run directory says into the run's row, for the pages.

Whether a trainer lives is judged by the change of its heartbeat on this site's clock, never by the
time it writes. A directory may be damaged or hostile: what is copied is short, finite and storable.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils import timezone

from inference.errors import InferenceError
from inference.formats.atomic import read_end, read_plain
from inference.formats.run import CANCELLED, Result, RunFolder, now
from inference.formats.strict_json import read_object
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Phase, TrainingRun

SILENT_S = 120  # as long as a trainer waits before it takes over from another
LAST_EPOCH = 10_000  # that a training may have
MOST_EPOCHS = 2000  # whose figures are kept
TAIL_BYTES = 6000
MAX_BYTES = 100_000
NOBODY = "the site"  # as a run directory calls us where we end a run that nobody trains
# An epoch's figures and a heartbeat's, by the names that are copied.
FIGURES = ("epoch", "loss", "validation_loss", "learning_rate")
BEAT_NUMBERS, BEAT_WORDS = ("epoch", "step", "of_steps"), ("stage", "device")
_AT = re.compile(r"^\d{4}-\d\d-\d\dT[\d:+]+ ")  # a terminal's line comes again with its time
_UNSEEN = re.compile(r"[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]|\x1b\[[0-9;]*[A-Za-z]")
_OPEN = {"phase": Phase.TRAIN, "status": WorkStatus.RUNNING, "lease_expires_at": None}


class DirectoryGone(DomainError):
    """Somebody has removed a run's directory."""


@dataclass(frozen=True)
class Seen:
    """What a run directory says now."""

    has_result: bool
    worker: str
    beat: int
    live: dict[str, Any]
    metrics: list[dict[str, Any]]
    log_tail: str


def watch_all() -> int:
    """Look at every run that is in the hands of a trainer; return how many there are."""
    runs = list(TrainingRun.objects.filter(**_OPEN).order_by("pk"))
    for run in runs:
        watch_run(run)
    return len(runs)


def watch_run(run: TrainingRun) -> None:
    """Copy what a run's directory says into its row; pass on what has ended."""
    folder = folder_of(run)
    if not folder.path.is_dir() and folder.path.parent.is_dir():
        gone = f"The directory {folder.path} is gone: press Retrain again."
        work.give_up(run, DirectoryGone(gone))
        return
    if run.cancel_requested_at is not None:
        _stop(run, folder)
    seen = look(folder)
    with transaction.atomic():
        rows = TrainingRun.objects.filter(pk=run.pk, token=run.token, **_OPEN)
        locked = rows.select_for_update(no_key=True, skip_locked=True).first()
        if locked is None:  # somebody else looks at it now
            return
        _note(locked, seen)
        if seen.has_result:
            TrainingRun.objects.filter(pk=run.pk).update(phase=Phase.COLLECT)
            work.take_back(locked)
            wake("retraining")


def look(folder: RunFolder) -> Seen:
    """Return what a run directory says."""
    heartbeat = folder.read_heartbeat()
    live = {name: heartbeat[name] for name in BEAT_NUMBERS if _is_count(heartbeat.get(name))}
    live |= {name: _words(heartbeat[name]) for name in BEAT_WORDS if name in heartbeat}
    beat = heartbeat.get("beat", 0)
    return Seen(
        has_result=folder.result_path.exists(),
        worker=_words(folder.claimed_by() or "")[:200],
        beat=beat if _is_count(beat) else 0,
        live=live | _energy(folder),
        metrics=_all_figures(folder),
        log_tail=_log_tail(folder),
    )


def _note(run: TrainingRun, seen: Seen) -> None:
    at = timezone.now()
    if seen.worker != run.worker:
        run.taken_at = at if seen.worker else None
        run.taken_share = share_done(seen.metrics, seen.live, run.config)
    if (seen.beat, seen.worker) != (run.beat, run.worker):
        run.beat_changed_at = at
    run.worker, run.beat = seen.worker, seen.beat
    # Some facts come with some beats only; a stage is over when a beat does not name it.
    run.live = {k: v for k, v in run.live.items() if k != "stage"} | seen.live
    run.metrics, run.log_tail = seen.metrics, seen.log_tail
    epochs = run.config.get("epochs")
    run.n_total = epochs if _is_count(epochs) and epochs else None
    run.n_done = int(seen.metrics[-1]["epoch"]) if seen.metrics else 0
    run.save(
        update_fields=[
            "taken_at", "taken_share", "beat_changed_at", "worker", "beat", "live", "metrics",
            "log_tail", "n_total", "n_done",
        ]
    )  # fmt: skip


def _stop(run: TrainingRun, folder: RunFolder) -> None:
    """Ask the trainer to stop; where nobody trains, or nobody answers, end the run ourselves."""
    folder.cancel()
    holder = folder.claimed_by()
    if holder is not None and is_silent(run):
        folder.break_claim(holder)
    try:
        if (holder is None or is_silent(run)) and folder.claim(NOBODY):
            if not folder.result_path.exists():
                folder.write_result(Result(CANCELLED, now(), error="Cancelled before it began."))
            folder.release(NOBODY)
    except (InferenceError, OSError):  # the trainer's side sees the signal as well
        return


def is_silent(run: TrainingRun) -> bool:
    """Return whether a trainer has the run and its heartbeat has long been the same."""
    if not run.worker or run.beat_changed_at is None:
        return False
    return abs(timezone.now() - run.beat_changed_at) > timedelta(seconds=SILENT_S)


def seconds_left(run: TrainingRun) -> float | None:
    """Return how long the training will take on, by what this worker has done; None if unknown."""
    if not run.is_training or run.taken_at is None or is_silent(run) or "stage" in run.live:
        return None
    share = share_done(run.metrics, run.live, run.config)
    done = share - run.taken_share
    if done <= 0:
        return None
    took_s = max(0.0, (timezone.now() - run.taken_at).total_seconds())
    return took_s * (1 - share) / done


def share_done(
    metrics: list[dict[str, Any]], live: Mapping[str, Any], config: Mapping[str, Any]
) -> float:
    """Return the share of all epochs that is done, by the last step that was told."""
    epochs = config.get("epochs")
    if not _is_count(epochs) or not epochs:
        return 0.0
    done = float(metrics[-1]["epoch"]) if metrics else 0.0
    if live.get("of_steps") and live.get("epoch", 0) == done + 1:
        done += min(1.0, float(live.get("step", 0)) / float(live["of_steps"]))
    return float(min(1.0, done / epochs))


def _energy(folder: RunFolder) -> dict[str, Any]:
    """Return what a training has used, and how that was found; see training/energy.py."""
    try:
        content = read_plain(folder.path / "energy.json", max_bytes=MAX_BYTES)
        values = read_object(content, refused=InferenceError, max_bytes=MAX_BYTES)
        joules = values["joules"]
        found = {_words(how): float(amount) for how, amount in joules.items()}
    except (OSError, InferenceError, LookupError, TypeError, ValueError, AttributeError):
        return {}
    if not found or not all(math.isfinite(amount) and amount >= 0 for amount in found.values()):
        return {}
    basis = ", ".join(found) + ("" if values.get("is_whole") is True else "; a part is unknown")
    return {"energy_wh": round(sum(found.values()) / 3600, 3), "energy_basis": basis[:300]}


def _log_tail(folder: RunFolder) -> str:
    try:
        content = read_end(folder.log_path, n_bytes=TAIL_BYTES)
    except OSError:
        return ""
    text = content.decode(errors="replace").replace("\r", "\n")
    lines = [line for line in _UNSEEN.sub("", text).split("\n") if line.strip()]
    if len(content) == TAIL_BYTES:  # it begins within a line
        del lines[:1]
    return "\n".join(a for a, b in pairwise([*lines, ""]) if a != _AT.sub("", b))


def _all_figures(folder: RunFolder) -> list[dict[str, Any]]:
    rows = [row for row in folder.read_metrics() if _is_count(row.get("epoch"))]
    return [_figures(row) for row in rows[-MOST_EPOCHS:] if row["epoch"] <= LAST_EPOCH]


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in FIGURES if _is_number(row.get(name))}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _words(value: object) -> str:
    return _UNSEEN.sub("", str(value)).replace("\n", " ")[:200]
