"""Brokers that a test may kill: the site's own, which is files, and a Redis of the test's own."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.site import free_port
from webapp.broker import forget_messages

REDIS = shutil.which("redis-server")
NAMES = ["files", *(["redis"] if REDIS else [])]


class Files:
    """The embedded broker has no process: what a kill can take from it is every unread message."""

    environment: dict[str, str] = {}

    def __init__(self, var: Path) -> None:
        self.folder = var / "broker"

    def kill(self) -> None:
        """Lose every message."""
        forget_messages(self.folder)

    def stop(self) -> None:
        """Nothing runs."""


class Redis:
    """A server that keeps nothing on disk, as docker-compose.yml starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.environment = {"CELERY_BROKER_URL": f"redis://127.0.0.1:{self.port}/0"}
        self._start()

    def _start(self) -> None:
        assert REDIS
        command = [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "no", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill it, and start it again half a second later, empty."""
        self.process.kill()
        self.process.wait()
        time.sleep(0.5)
        self._start()

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running(name: str, folder: Path) -> Iterator[Files | Redis]:
    """Run a broker for a site whose var folder lies in a folder."""
    broker = Redis(folder) if name == "redis" else Files(folder / "var")
    try:
        yield broker
    finally:
        broker.stop()
