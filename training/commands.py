"""What `python -m training` does, a function for each command."""

import os
import socket
from pathlib import Path

from inference.errors import InferenceError
from inference.formats.run import DONE, RunFolder
from inference.formats.tree import Tree, load_built_in
from training.config import Config
from training.journal import RunJournal, TerminalJournal
from training.loop import Journal


class CannotRun(InferenceError):
    """A run directory that this process cannot train now."""


def prepare(
    *,
    source: Path,
    config: Path,
    out: Path,
    pictures: Path | None,
    tree: str | None,
    unlabeled: Path | None,
) -> int:
    """Make a run directory of votes and pictures."""
    from training.prepare import prepare as make  # noqa: PLC0415 - each command imports its own

    run = make(
        source,
        out,
        Config.read(config),
        pictures=pictures,
        tree=None if tree is None else read_tree(tree),
        unlabeled=unlabeled,
    )
    print(f"{run.path} is ready: python -m training run {run.path}")  # noqa: T201
    return 0


def run(folder: Path, worker: str) -> int:
    """Train a run directory from where it is."""
    from training.pipeline import is_first, train_run  # noqa: PLC0415

    run = RunFolder(folder)
    if not run.is_ready():
        run.read_request()  # says what is missing; what is damaged becomes the run's result
    if run.result_path.exists():
        result = run.read_result()
        raise CannotRun(
            f"The run {folder} has ended already ({result.status if result else 'unknown'}): look "
            f"at its report, or go on with `python -m training resume {folder}`."
        )
    _free_from_the_dead(run)
    holder = run.claimed_by()
    if holder != worker and is_first() and not run.claim(worker):
        raise CannotRun(
            f"The run {folder} is being trained by {holder}: wait for it, or, if that process is "
            f"dead, delete {run.claim_path}."
        )
    try:
        train_run(run, worker, wrapped=_with_bar)
    finally:
        if holder != worker and is_first():
            run.release(worker)
    return 0


def _free_from_the_dead(run: RunFolder) -> None:
    """Take a claim back from a process of this machine that no longer exists."""
    holder = run.claimed_by() or ""
    host, _, number = holder.rpartition("-")
    if host == socket.gethostname() and number.isdigit() and not _is_alive(int(number)):
        run.break_claim(holder)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        return True
    return True


def resume(folder: Path, worker: str) -> int:
    """Go on with a run that was interrupted, cancelled or failed."""
    opened = RunFolder(folder)
    opened.read_request()
    result = opened.read_result()
    if result is not None and result.status == DONE:
        raise CannotRun(f"The run {folder} is done: its model is {opened.model_path}.")
    opened.result_path.unlink(missing_ok=True)
    opened.cancel_path.unlink(missing_ok=True)
    return run(folder, worker)


def export(folder: Path, out: Path, half: bool) -> int:  # noqa: FBT001 - a flag of the command line
    """Write the model file of a run's newest checkpoint."""
    from training import pipeline  # noqa: PLC0415
    from training.evaluate import evaluate as judge  # noqa: PLC0415
    from training.loop import restored  # noqa: PLC0415

    opened = RunFolder(folder)
    request, config, dataset = pipeline.opened(opened)
    fitted = restored(dataset, config, opened.checkpoints)
    facts = pipeline.lineage(request, config, dataset, fitted.progress.epoch)
    evaluation = judge(fitted.network, dataset)
    card = pipeline.make_card(fitted.network, request, evaluation, facts)
    sha256 = pipeline.export_dataset(fitted.network, card, dataset, out, half=half)
    print(f"{out}, {sha256}")  # noqa: T201
    return 0


def evaluate(folder: Path, out: Path | None) -> int:
    """Judge the network of a run's newest checkpoint and write its report."""
    from training import pipeline  # noqa: PLC0415
    from training.evaluate import evaluate as judge  # noqa: PLC0415
    from training.loop import restored  # noqa: PLC0415
    from training.report import write_report  # noqa: PLC0415

    opened = RunFolder(folder)
    request, config, dataset = pipeline.opened(opened)
    fitted = restored(dataset, config, opened.checkpoints)
    evaluation = judge(fitted.network, dataset)
    facts = pipeline.lineage(request, config, dataset, fitted.progress.epoch)
    target = out or opened.path / "report"
    write_report(
        target,
        evaluation,
        card=pipeline.make_card(fitted.network, request, evaluation, facts),
        config=config,
        history=fitted.progress.history,
    )
    print((target / "model-card.md").read_text())  # noqa: T201
    return 0


def tune(folder: Path, out: Path, minutes: float, trials: int | None) -> int:
    """Search for better settings than those of a run."""
    from training import pipeline  # noqa: PLC0415
    from training.tune import tune as search  # noqa: PLC0415

    _, config, dataset = pipeline.opened(RunFolder(folder))
    search(dataset, config, folder=out, budget_s=60 * minutes, n_trials=trials)
    return 0


def watch(folder: Path, once: bool, lease: float) -> int:  # noqa: FBT001 - a flag of the command line
    """Train run directories as they appear in a folder."""
    from training.watch import Watcher  # noqa: PLC0415

    Watcher(folder, lease_s=lease).watch(once=once)
    return 0


def starter(data: Path, out: Path, work: Path) -> int:
    """Train the network that ships with the software, and print its tables."""
    from training.starter import make_starter  # noqa: PLC0415

    print(make_starter(data, out, work))  # noqa: T201
    return 0


def read_tree(name: str) -> Tree:
    """Return a built-in tree, or that of a JSON file."""
    path = Path(name)
    return Tree.parse(path.read_bytes()) if path.is_file() else load_built_in(name)


def _with_bar(inner: RunJournal, n_epochs: int) -> Journal:
    return TerminalJournal(inner, n_epochs)
