"""Search for better settings: Optuna with a median pruner, within a time, resumable.

Trials are judged by the validation part alone; the test part is never looked at here.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna

from inference.errors import InferenceError
from training.config import Config
from training.dataset import Dataset
from training.errors import Cancelled, TrainingDiverged
from training.loop import fit

_STUDY = "tuning-fork"


class NothingTried(InferenceError):
    """A search ended before its first trial did."""


def tune(
    dataset: Dataset,
    config: Config,
    *,
    folder: Path,
    budget_s: float,
    n_trials: int | None = None,
    say: Callable[[str], None] = print,
) -> Config:
    """Return the best settings found, also written to `folder/best.toml`.

    Args:
        folder: keeps the study, so that a further search goes on with what it knows.
        budget_s: wall time after which no further trial begins, and a running one is ended.
        n_trials: at most so many trials now.

    Raises:
        NothingTried: no trial came to an end, now or before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _study(folder, config)
    deadline = time.monotonic() + budget_s

    def objective(trial: optuna.Trial) -> float:
        tried = config.replace(**{name: draw(trial, name) for name, draw in _SPACE.items()})
        journal = _TrialJournal(trial, deadline)
        try:
            loss = fit(dataset, tried, journal).progress.best_loss
        except TrainingDiverged as error:
            raise optuna.TrialPruned(str(error)) from error
        except Cancelled as error:  # of the journal: hopeless, or out of time
            if journal.is_hopeless:
                raise optuna.TrialPruned("worse than the median") from error
            study.stop()
            raise optuna.TrialPruned("out of time") from error
        say(f"trial {trial.number}: validation {loss:.4f}, {trial.params}")
        return loss

    study.optimize(objective, n_trials=n_trials, timeout=budget_s)
    finished = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    if not finished:
        raise NothingTried(
            f"No trial came to an end in {budget_s:g} s: give it more time, or fewer epochs "
            f"(now {config.epochs})."
        )
    best = config.replace(**study.best_params)
    path = folder / "best.toml"
    temporary = path.with_name(".best.toml")
    temporary.write_text(best.to_toml())
    temporary.replace(path)
    say(f"best of {len(finished)}: validation {study.best_value:.4f}, settings in {path}")
    return best


def _study(folder: Path, config: Config) -> optuna.Study:
    """Return the study in a folder; a new one begins with the settings as they are."""
    study = optuna.create_study(
        study_name=_STUDY,
        storage=f"sqlite:///{(folder / 'study.db').resolve()}",
        sampler=optuna.samplers.TPESampler(seed=config.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        load_if_exists=True,
    )
    if not study.trials:
        study.enqueue_trial({name: getattr(config, name) for name in _SPACE})
    return study


class _TrialJournal:
    """Tells Optuna each epoch's validation loss, and ends a trial that is hopeless or too late."""

    def __init__(self, trial: optuna.Trial, deadline: float) -> None:
        self.trial, self.deadline = trial, deadline
        self.is_hopeless = False

    def beat(self, **facts: Any) -> None:
        """Nobody watches a trial's steps."""

    def note(self, row: Mapping[str, Any]) -> None:
        """Report an epoch."""
        self.trial.report(row["validation_loss"], int(row["epoch"]))
        self.is_hopeless = self.trial.should_prune()

    def say(self, line: str) -> None:
        """Nobody listens to a trial."""

    def is_cancelled(self) -> bool:
        """Return whether to end this trial."""
        return self.is_hopeless or time.monotonic() > self.deadline


_SPACE: dict[str, Callable[[optuna.Trial, str], Any]] = {
    "learning_rate": lambda trial, name: trial.suggest_float(name, 1e-4, 1e-2, log=True),
    "weight_decay": lambda trial, name: trial.suggest_float(name, 1e-4, 0.5, log=True),
    "dropout": lambda trial, name: trial.suggest_float(name, 0.0, 0.6),
    "zoom": lambda trial, name: trial.suggest_float(name, 0.0, 0.5),
    "shift": lambda trial, name: trial.suggest_float(name, 0.0, 0.15),
    "brightness": lambda trial, name: trial.suggest_float(name, 0.0, 0.4),
    "ema_decay": lambda trial, name: trial.suggest_float(name, 0.9, 0.9995),
}
