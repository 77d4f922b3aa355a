"""Brokers that a test may kill: the site's own, which is files, a Redis of the test's own, and a
virtual host of a RabbitMQ that answers on this machine (FAULTS_BROKER=rabbitmq).
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.site import free_port
from webapp.broker import forget_messages

REDIS = shutil.which("redis-server")
NAME = os.environ.get("FAULTS_BROKER", "redis" if REDIS else "files")
VHOST = "tuning-fork-killed"


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


def control_rabbitmq(*command: str) -> None:
    """Tell the RabbitMQ of this machine to do something."""
    subprocess.run(["rabbitmqctl", "-q", *command], check=True)


def open_virtual_host(name: str) -> str:
    """Make a virtual host, and return its URL."""
    control_rabbitmq("add_vhost", name)
    control_rabbitmq("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    return f"amqp://guest:guest@127.0.0.1:5672/{name}"


class RabbitMQ:
    """A virtual host: the server is everybody's, so a kill takes this one away with all in it."""

    def __init__(self) -> None:
        self.environment = {"CELERY_BROKER_URL": open_virtual_host(VHOST)}

    def kill(self) -> None:
        """Cut every connection and lose every message; half a second later it is there again."""
        self.stop()
        time.sleep(0.5)
        open_virtual_host(VHOST)

    def stop(self) -> None:
        """Leave nothing behind."""
        control_rabbitmq("delete_vhost", VHOST)


Broker = Files | Redis | RabbitMQ


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """Run the broker of this run for a site whose var folder lies in a folder."""
    makers: dict[str, Callable[[], Broker]] = {
        "redis": lambda: Redis(folder),
        "rabbitmq": RabbitMQ,
        "files": lambda: Files(folder / "var"),
    }
    broker = makers[NAME]()
    try:
        yield broker
    finally:
        broker.stop()
