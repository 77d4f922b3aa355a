"""Where a training says how it goes: to a run directory, to the terminal, or to both."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from inference.formats.run import RunFolder

_EVERY_S = 2.0


class RunJournal:
    """Writes into a run directory, for whoever watches it."""

    def __init__(self, run: RunFolder, worker: str) -> None:
        self.run, self.worker = run, worker
        self.after_epoch: Callable[[], None] = lambda: None
        self._beat_at = self._looked_at = 0.0
        self._is_over = False

    def beat(self, **facts: Any) -> None:
        """Rewrite the heartbeat, at most every two seconds."""
        if time.monotonic() - self._beat_at >= _EVERY_S:
            self._beat_at = time.monotonic()
            self.run.write_heartbeat(**facts)

    @contextmanager
    def beating(self, **facts: Any) -> Iterator[None]:
        """Beat from a thread while something long goes on; a stopped process stays silent."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_EVERY_S):
                self.run.write_heartbeat(**facts)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def note(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's figures."""
        self.run.append_metrics(row)
        self.run.write_heartbeat(epoch=row.get("epoch"))
        self.after_epoch()

    def say(self, line: str) -> None:
        """Add a line to the log."""
        self.run.say(line)

    def is_cancelled(self) -> bool:
        """Return whether somebody wants the run to stop, or has taken it over from us.

        The folder is asked at most every two seconds: it may lie on another machine.
        """
        if time.monotonic() - self._looked_at >= _EVERY_S:
            self._looked_at = time.monotonic()
            self._is_over = self.run.is_cancelled() or not self.holds_claim()
        return self._is_over

    def holds_claim(self) -> bool:
        """Return whether the run is still ours; a stalled process may have lost it."""
        return self.run.claimed_by() == self.worker


class TerminalJournal:
    """Shows a progress bar for a person at a terminal, and passes everything on."""

    def __init__(self, inner: RunJournal | None, n_epochs: int, name: str = "epochs") -> None:
        self.inner = inner
        self._bar = tqdm(total=n_epochs, desc=name, unit="epoch", disable=None)

    def beat(self, **facts: Any) -> None:
        """Show the step."""
        self._bar.set_postfix_str(f"step {facts.get('step')} of {facts.get('of_steps')}")
        if self.inner:
            self.inner.beat(**facts)

    def note(self, row: Mapping[str, Any]) -> None:
        """Show an epoch's figures, as a line of its own so that they stay."""
        self._bar.n = int(row["epoch"])
        self._bar.refresh()
        tqdm.write(
            f"epoch {row['epoch']}: loss {row['loss']:.4f}, validation {row['validation_loss']:.4f}"
        )
        if self.inner:
            self.inner.note(row)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        tqdm.write(line)
        if self.inner:
            self.inner.say(line)

    def is_cancelled(self) -> bool:
        """Return whether the run directory says so."""
        return self.inner is not None and self.inner.is_cancelled()

    def close(self) -> None:
        """End the bar."""
        self._bar.close()
