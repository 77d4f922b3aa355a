"""The worker's pool of processes, with the end of a child that billiard may not survive.

A child that waits for a task holds the lock of the queue. Killed there, as the OOM killer does, it
takes the lock along: then its brothers wait for ever, and the worker lives without doing anything
(seen once, and read in billiard's code; no test brings it about). So a worker that loses a child to
a signal ends, whatever that child did, and is started again by who watches over it. What its
children did meanwhile is a row with a lease, which the next one takes.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from typing import Any

from celery.concurrency import asynpool, prefork
from celery.worker import state

logger = logging.getLogger(__name__)
LEAVE_WITHIN_S = 15.0  # long work stops at its next step; well below a lease
POLL_S = 0.2


class _EndsWithItsChild:
    """What is added to both of Celery's pools: with Redis it is another one than with files."""

    _pool: list[Any]
    _leaving: threading.Thread | None = None

    def _join_exited_workers(self, shutdown: bool = False) -> list[int | None]:  # noqa: FBT001, FBT002 - billiard's own
        codes: list[int | None] = super()._join_exited_workers(shutdown)  # type: ignore[misc]
        killed_by = next((-code for code in codes if code is not None and code < 0), None)
        # A child that ends by itself, or is exchanged after so many tasks, has let go of the lock.
        if killed_by is not None and self._leaving is None:
            self._leaving = threading.Thread(
                target=self._leave, args=(killed_by,), name="leave", daemon=True
            )
            logger.error("A child was ended by signal %s, so this worker ends too.", killed_by)
            os.kill(os.getpid(), signal.SIGTERM)  # Celery takes no more, and asks long work to stop
            self._leaving.start()
        return codes

    def join(self) -> None:
        """Wait for the children, or for the end of this process if one of them was killed."""
        if self._leaving is not None:
            self._leaving.join()
        super().join()  # type: ignore[misc]

    def _leave(self, killed_by: int) -> None:
        """End as soon as no child works; Celery's own end waits for the lock as well.

        The end is that of the child: who watches over us counts failures, and a kill is none.
        """
        deadline = time.monotonic() + LEAVE_WITHIN_S
        while self._is_working() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        for child in list(self._pool):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        if killed_by == signal.SIGKILL:
            os.kill(os.getpid(), killed_by)
        os._exit(1)

    def _is_working(self) -> bool:
        """Whether a child that lives has a task."""
        alive = {child.pid for child in list(self._pool)}
        return any(request.worker_pid in alive for request in list(state.active_requests))


class _Asynchronous(_EndsWithItsChild, asynpool.AsynPool):
    pass


class _Blocking(_EndsWithItsChild, prefork.BlockingPool):  # type: ignore[misc, name-defined]
    pass


class TaskPool(prefork.TaskPool):
    """What `--pool prefork` means in this site."""

    Pool = _Asynchronous
    BlockingPool = _Blocking
