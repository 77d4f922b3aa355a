"""The real trainer of .venv-training, on a folder of runs."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webapp.retraining import tasks

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-training" / "bin" / "python"
WITHIN_S = 150.0

needed = pytest.mark.skipif(
    not PYTHON.exists(), reason="There is no .venv-training: make trainer, or make test-training."
)


@contextlib.contextmanager
def trainer(runs: Path, *, lease_s: float = 5.0) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m training watch`, which is gone afterwards with its child."""
    runs.mkdir(parents=True, exist_ok=True)
    command = [str(PYTHON), "-m", "training", "watch", str(runs), "--lease", str(lease_s)]
    with (runs.parent / "trainer.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def work_until(is_true: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
    """Do what beat and a worker do until something is true; fail if it never is."""
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come true in time"
        tasks.watch_runs()
        tasks.work_on_runs()
        time.sleep(0.2)
