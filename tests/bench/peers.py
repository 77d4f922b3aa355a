"""Other projects' software, each in an environment of its own: `make peers`."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def interpreter(peer: str) -> Path:
    """Return the Python of a peer's environment, there or not."""
    return ROOT / ".venv-peers" / peer / "bin" / "python"


def needs(peer: str) -> pytest.MarkDecorator:
    """Skip a test where `make peers` has not been run."""
    there = (interpreter(peer).parents[1] / ".installed").exists()
    return pytest.mark.skipif(not there, reason=f"{peer} is not installed: make peers")


@dataclass(frozen=True)
class CrowdKit:
    """What crowd-kit's Dawid-Skene found."""

    label: np.ndarray  # of each task that has answers, ascending
    seconds: list[float]  # of each run
    rounds: int


def crowd_kit(task, worker, label, *, tolerance: float = 1e-5, runs: int = 1) -> CrowdKit:
    """Return what crowd-kit makes of these answers; reading and starting is not timed.

    Args:
        tolerance: of crowd-kit's loss; its own default is 1e-5. It stops after 100 rounds anyhow.
    """
    script = Path(__file__).with_name("crowd_kit.py")
    with tempfile.TemporaryDirectory() as folder:
        answers, found = Path(folder) / "answers.npz", Path(folder) / "found.npz"
        np.savez(answers, task=task, worker=worker, label=label)
        subprocess.run(
            [interpreter("crowd-kit"), script, answers, found, str(tolerance), str(runs)],
            check=True,
            timeout=600,
        )
        with np.load(found) as file:
            return CrowdKit(file["label"], file["seconds"].tolist(), int(file["rounds"]))
