"""Ends the supervisor's children when the supervisor was killed and cannot do it itself.

It runs in a session of its own, reads lines "session signal" from the supervisor (signal 0: that
one has ended), and acts when the pipe closes. A session is a child with everything it has started.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from webapp.cluster import signal_process

POLL_S = 0.05


def members(sessions: Iterable[int]) -> set[int]:
    """Return the living processes of some sessions, and what left them for a session of its own."""
    wanted = set(sessions)
    processes = list(_processes())
    found = {pid for pid, _, session, _ in processes if session in wanted}
    grown = 0
    while grown != len(found):
        grown = len(found)
        found |= {pid for pid, parent, _, _ in processes if parent in found}
    return found & {pid for pid, _, _, state in processes if state not in "ZX"}


def _processes() -> Iterable[tuple[int, int, int, str]]:
    """Yield number, parent, session and state of every process."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name may hold blanks and brackets: what we want stands behind its last bracket.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        yield int(entry.name), int(fields[1]), int(fields[3]), fields[0]


def end(
    stop_signals: dict[int, int], *, within_s: float, is_hurried: Callable[[], bool] = lambda: False
) -> None:
    """End whole sessions: ask their leaders, wait, then kill whatever is left of them.

    Args:
        stop_signals: for each session its leader's stop signal.
        within_s: how long they may take.
        is_hurried: asked while waiting; True ends the wait.
    """
    for leader, number in stop_signals.items():
        signal_process(leader, number)
    deadline = time.monotonic() + within_s
    while (left := members(stop_signals)) and time.monotonic() < deadline and not is_hurried():
        time.sleep(POLL_S)
    while left:
        for pid in left:
            signal_process(pid, signal.SIGKILL)
        time.sleep(POLL_S)
        left = members(stop_signals)


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
