"""Ends a process's children when that process was killed and cannot do it itself.

The program runs in a session of its own, reads lines "session signal" (signal 0: that one has
ended), and acts when the pipe closes. A session is a child with everything it has started.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, NamedTuple, cast

from webapp.cluster import signal_process

ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.05


class Sentinel:
    """The program below, started for this process."""

    def __init__(self, within_s: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "webapp.sentinel", str(within_s)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it still stands guard; it too may be killed."""
        return self._process.poll() is None

    def tell(self, session: int, stop_signal: int) -> None:
        """Let it know of a session, or with signal 0 that the session has ended."""
        # A dead one is replaced by who watches over it, and the next is told everything.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(f"{session} {int(stop_signal)}\n".encode())
            self._pipe.flush()

    def dismiss(self) -> None:
        """End it, and with it every session that it knows of."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    @property
    def _pipe(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)


class Process(NamedTuple):
    """One line of the kernel's table; number and start together are never used twice."""

    pid: int
    parent: int
    session: int
    state: str
    started: int


def processes() -> list[Process]:
    """Return every process that has not ended."""
    found = (_process(entry) for entry in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None and process.state not in "ZX"]


def _process(entry: Path) -> Process | None:
    try:
        # The name may hold blanks and brackets: what we want stands behind its last bracket.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Process(int(entry.name), int(fields[1]), int(fields[3]), fields[0], int(fields[19]))


def members(sessions: Iterable[int], known: Iterable[Process] = ()) -> set[Process]:
    """Return the living processes of some sessions, those known before, and their descendants.

    A descendant may have begun a session of its own, as PostgreSQL's do. Once its parent is dead
    nothing tells where it came from, so a caller that waits hands back what it has seen.
    """
    wanted, seen = set(sessions), {(process.pid, process.started) for process in known}
    alive = processes()
    found = {p for p in alive if p.session in wanted or (p.pid, p.started) in seen}
    grown = 0
    while grown != len(found):
        grown = len(found)
        parents = {process.pid for process in found}
        found |= {process for process in alive if process.parent in parents}
    return found


def end(
    stop_signals: dict[int, int], *, within_s: float, is_hurried: Callable[[], bool] = lambda: False
) -> None:
    """End whole sessions: ask their leaders, wait, then kill whatever is left of them.

    Args:
        stop_signals: for each session its leader's stop signal.
        within_s: how long they may take.
        is_hurried: asked while waiting; True ends the wait.
    """
    left = members(stop_signals)
    for leader, number in stop_signals.items():
        signal_process(leader, number)
    deadline = time.monotonic() + within_s
    while left and time.monotonic() < deadline and not is_hurried():
        time.sleep(POLL_S)
        left = members(stop_signals, left)
    while left:
        for process in left:
            signal_process(process.pid, signal.SIGKILL)
        time.sleep(POLL_S)
        left = members(stop_signals, left)


def main() -> None:
    """Remember the sessions until the pipe closes, then end those that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: dict[int, int] = {}
    for line in sys.stdin:
        session, stop_signal = (int(part) for part in line.split())
        if stop_signal:
            sessions[session] = stop_signal
        else:
            sessions.pop(session, None)
    end(sessions, within_s=float(sys.argv[1]))


if __name__ == "__main__":
    main()
