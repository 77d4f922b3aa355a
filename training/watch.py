"""Takes run directories as they appear, one after another, and trains them in a child process.

A child that is killed (by the kernel for its memory, say) is started again from its checkpoint, a
few times. A run whose worker has died elsewhere is taken over when its heartbeat has not changed
for a while, on our clock.
"""

import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from inference.errors import InferenceError
from inference.formats.run import FAILED, Result, RunFolder, now

ATTEMPTS = 3  # without an epoch more
LEASE_S = 120.0
_POLL_S = 2.0
_STOP_WITHIN_S = 20.0


@dataclass
class Watcher:
    """One machine that trains what it finds in a folder of runs."""

    folder: Path
    lease_s: float = LEASE_S
    poll_s: float = _POLL_S
    say: Callable[[str], None] = print
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}-watch-{uuid.uuid4().hex}")
    _last_beat: dict[Path, tuple[tuple[str, int], float]] = field(default_factory=dict)
    _unusable: set[Path] = field(default_factory=set)
    _is_stopping: bool = False

    def watch(self, *, once: bool = False) -> None:
        """Train runs until a signal comes; `once`: until none is left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._stopping_by_signal():
            self.say(f"Watching {self.folder} for runs. Ctrl-C stops.")
            while not self._is_stopping:
                run = next(self._takeable(), None)
                if run is not None:
                    self._train_safely(run)
                elif once:
                    return
                else:
                    time.sleep(self.poll_s)

    def _takeable(self) -> Iterator[RunFolder]:
        """Yield runs that are now claimed by us, the oldest request first."""
        runs = [RunFolder(path) for path in self.folder.iterdir() if path.is_dir()]
        ready = [run for run in runs if run.is_ready() and not run.result_path.exists()]
        for run in sorted(ready, key=lambda run: run.request_path.stat().st_mtime):
            try:
                is_free = run.path not in self._unusable and self._take_over(run)
                if is_free and run.claim(self.worker):
                    yield run
            except InferenceError as refusal:  # a folder that is no run shall not stop the others
                self._unusable.add(run.path)
                self.say(f"{run.path.name}: left out. {refusal}")

    def _take_over(self, run: RunFolder) -> bool:
        """Return whether the run is free, having freed it if its worker is dead."""
        holder = run.claimed_by()
        if holder is None:
            return True
        beat = int(run.read_heartbeat().get("beat", 0))
        seen, since = self._last_beat.get(run.path, (("", -1), 0.0))
        if seen != (holder, beat):
            self._last_beat[run.path] = ((holder, beat), time.monotonic())
            return False
        if time.monotonic() - since < self.lease_s:
            return False
        self.say(f"{run.path.name}: {holder} has been silent for {self.lease_s:g} s; taking over.")
        del self._last_beat[run.path]
        return run.break_claim(holder)

    def _train_safely(self, run: RunFolder) -> None:
        try:
            self._train(run)
        except InferenceError as refusal:  # a result that contradicts its model file, say
            self._unusable.add(run.path)
            self.say(f"{run.path.name}: left out. {refusal}")

    def _train(self, run: RunFolder) -> None:
        self.say(f"{run.path.name}: training.")
        attempt = 0
        while attempt < ATTEMPTS:
            before = len(run.read_metrics())
            code = self._run_child(run)
            # One that has got further was worth another start, however it ended.
            attempt = 1 if len(run.read_metrics()) > before else attempt + 1
            if self._is_stopping:
                run.release(self.worker)
                self.say(f"{run.path.name}: stopped; its checkpoint stays.")
                return
            if run.result_path.exists() or run.claimed_by() != self.worker:
                break
            self.say(f"{run.path.name}: ended by {_ending(code)}, attempt {attempt} of {ATTEMPTS}.")
        else:
            error = (
                f"The training ended by {_ending(code)} {ATTEMPTS} times, perhaps for lack of "
                f"memory: lower batch_size, and see log.txt."
            )
            run.write_result(Result(FAILED, now(), error=error))
        result = run.read_result()
        self.say(f"{run.path.name}: {result.status if result else 'taken over'}.")
        run.release(self.worker)

    def _run_child(self, run: RunFolder) -> int:
        """Train in a process of its own, and return how it ended."""
        command = [sys.executable, "-m", "training", "run", str(run.path), "--worker", self.worker]
        with run.log_path.open("a") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            while child.poll() is None:
                if self._is_stopping:
                    _end(child)
                time.sleep(min(self.poll_s, 0.2))
        return child.returncode

    @contextmanager
    def _stopping_by_signal(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._is_stopping = True

        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
