"""A child process that answers messages, seen from its parent: send, wait for a reply, kill."""

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from inference.vision import wire

_ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60.0
_PIPE_BYTES = 1_048_576  # a whole reply fits, so a child goes on while its parent is busy
_CHUNK_BYTES = 1_048_576
_MAX_REPLY_BYTES = 200_000_000  # whatever has taken a child over, its parent keeps its memory

Message = tuple[dict[str, Any], list[bytes]]


class ChildEnded(Exception):
    """The child is gone; the text says how."""


class ChildTooSlow(Exception):
    """No reply came in time."""


class Child:
    """One process in a session and a folder of its own, with next to no environment."""

    def __init__(self, module: str, arguments: tuple[str, ...], *, folder: str) -> None:
        """Start `python -m module *arguments <own process id>` and wait until it is ready.

        Raises:
            RuntimeError: it does not start; its own words are on standard error.
        """
        self._command = " ".join(["python -m", module, *arguments])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-B", "-m", module, *arguments, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101  for the type checker: both are PIPE
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # a system may allow less
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._outbox: deque[memoryview] = deque()
        self._inbox = bytearray()
        self._wait_until_ready(module.rpartition(".")[2])

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def process_id(self) -> int:
        """The system's number of the process."""
        return self._process.pid

    def send(self, content: bytes, fields: dict[str, Any] | None = None) -> None:
        """Queue a request and write as much of it as the pipe takes now; never waits."""
        self._outbox.append(memoryview(wire.head(fields or {}, [content])))
        if content:
            self._outbox.append(memoryview(content))
        self._write()

    def reply(self, timeout_s: float) -> Message:
        """Wait for the next reply, and write what is queued meanwhile.

        Raises:
            ChildEnded: the process ended, or answers without an end.
            ChildTooSlow: the time is up.
        """
        deadline = time.monotonic() + timeout_s
        while (message := wire.taken(self._inbox)) is None:
            self._exchange(deadline)
        return message

    def kill(self) -> None:
        """End the process at once, and wait until the system has forgotten it."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def _wait_until_ready(self, name: str) -> None:
        try:
            self.reply(_START_TIMEOUT_S)
        except (ChildEnded, ChildTooSlow) as error:
            self.kill()
            raise RuntimeError(
                f"The {name} process did not start ({error}): its own words are on standard "
                f"error. Try `{self._command} $$` by hand."
            ) from error

    def _exchange(self, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if self._outbox:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            ready = selector.select(max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ChildTooSlow("no reply in time")
        for key, _ in ready:
            if key.fileobj is self._stdin:
                self._write()
            else:
                self._read()

    def _write(self) -> None:
        while self._outbox:
            try:
                n_bytes = os.write(self._stdin.fileno(), self._outbox[0])
            except BlockingIOError:
                return
            except BrokenPipeError:  # what it answered before it ended is still to be read
                self._outbox.clear()
                return
            rest = self._outbox.popleft()[n_bytes:]
            if rest:
                self._outbox.appendleft(rest)

    def _read(self) -> None:
        chunk = os.read(self._stdout.fileno(), _CHUNK_BYTES)
        if not chunk:
            raise ChildEnded(self._how_it_ended())
        self._inbox += chunk
        if len(self._inbox) > _MAX_REPLY_BYTES:
            raise ChildEnded(f"its reply is longer than {_MAX_REPLY_BYTES:,} bytes")

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _environment(folder: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": folder,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        # One thread and one arena: address space is limited, and pictures are many anyway.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
