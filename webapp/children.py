"""What the supervisor knows of one child: how it is run, how it failed, when it is due again."""

import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webapp.cluster import CannotStart

ROOT = Path(__file__).resolve().parent.parent
LOG_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True)
class Child:
    """One long-running process line of the site."""

    name: str
    command: list[str]
    log: Path
    stop_signal: int = signal.SIGTERM
    identity: dict[str, Any] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None  # called before every start
    ends_last: bool = False  # the others need it until they have ended
    is_optional: bool = False  # the site goes on without it, however often it fails


@dataclass(frozen=True)
class Patience:
    """How often a child may fail and how long it may take to end."""

    failures: int = 5
    window_s: float = 60.0
    first_delay_s: float = 0.5  # doubled with every end in the window
    most_delay_s: float = 8.0
    stop_within_s: float = 6.0
    last_within_s: float = 2.5
    poll_s: float = 0.1
    optional_delay_s: float = 60.0  # before an optional child is tried again, doubled each time
    optional_most_s: float = 3600.0


class Post:
    """The place of one child: its process now, its failures, and when it is due again."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.ended_at: deque[float] = deque()
        self.failed_at: deque[float] = deque()  # of these, what was its own doing
        self.n_failures = 0
        self.due_at = 0.0

    def start(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the child in a session of its own, so that a Ctrl-C does not reach it."""
        self.child.before()
        with self.child.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                **self.child.identity,
            )
        return self.process

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs, and while there is none."""
        return self.process.poll() if self.process is not None else None

    def note_end(self, patience: Patience, code: int) -> float:
        """Count an end; return the delay in seconds before the next start.

        Who was killed has not failed: the kernel kills for want of memory, and the site goes on as
        often as that happens.

        Raises:
            CannotStart: it fails too often.
        """
        now = time.monotonic()
        self.n_failures += 1
        if self.child.is_optional:
            growing_s = patience.optional_delay_s * 2.0 ** min(self.n_failures - 1, 30)
            self.due_at = now + min(growing_s, patience.optional_most_s)
            return self.due_at - now
        self.ended_at.append(now)
        if code != -signal.SIGKILL:
            self.failed_at.append(now)
        for times in (self.ended_at, self.failed_at):
            while times and times[0] < now - patience.window_s:
                times.popleft()
        if len(self.failed_at) >= patience.failures:
            raise CannotStart(
                f"{self.child.name} ended {len(self.failed_at)} times within "
                f"{patience.window_s:g} s, so everything was stopped. See {self.child.log}."
            )
        doubled_s = patience.first_delay_s * 2.0 ** (len(self.ended_at) - 1)
        delay_s = min(doubled_s, patience.most_delay_s)
        self.due_at = now + delay_s
        return delay_s


def bound(log: Path) -> None:
    """Move a long log aside; its writer goes on at the beginning, as it appends."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file() and log.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def ending(code: int) -> str:
    """Say how a process ended, from its exit code."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
