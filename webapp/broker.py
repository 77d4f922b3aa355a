"""Celery's file transport for one machine, with the gaps closed that a kill would fall into."""

import contextlib
import fcntl
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

POLL_S = 0.25  # a wake-up call waits at most this long


class Channel(filesystem.Channel):
    """Messages appear whole, and the tables of queues are read and written one at a time.

    The original opens a message before it fills it: a worker that looks in between, or after the
    sender was killed, reads half a message and ends. The tables have the same gap.
    """

    def _put(self, queue: str, payload: Any, **_options: Any) -> None:  # type: ignore[override]
        """Write a message beside the queue and move it in."""
        handle, unfinished = tempfile.mkstemp(prefix="unfinished-", dir=self.data_folder_out)
        with os.fdopen(handle, "wb") as file:
            file.write(str_to_bytes(dumps(payload)))
        # Sorted by name is sorted by time: the worker takes the oldest first.
        name = f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        Path(unfinished).rename(Path(self.data_folder_out) / name)

    def get_table(self, exchange: str) -> Any:
        """Return the queues of an exchange."""
        with self._tables():
            return super().get_table(exchange)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        with self._tables():
            super()._queue_bind(exchange, routing_key, pattern, queue)

    @contextlib.contextmanager
    def _tables(self) -> Iterator[None]:
        """Keep others out; the kernel frees the lock of a killed process."""
        with (self.control_folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    """What filesystem:// means in this site."""

    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = "webapp.broker:Transport"


def options(folder: Path) -> dict[str, Any]:
    """Return Celery's transport options for a folder, and make the folders it expects."""
    messages, tables = folder / "messages", folder / "queues"
    for made in (messages, tables):
        made.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(tables),
        "polling_interval": POLL_S,
    }


def forget_messages(folder: Path) -> int:
    """Remove every unread message; return how many. Call it only while no worker runs.

    A message is a wake-up call and beat repeats each of them, so a start needs none of the old.
    """
    unread = [path for path in (folder / "messages").glob("*") if path.is_file()]
    for path in unread:
        path.unlink(missing_ok=True)
    return len(unread)
