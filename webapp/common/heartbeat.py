"""Workers and beat say that they live: in a row for the operators, and by a file for a container.

A thread of the main process does it, so that a long task does not keep it silent. While the
database is away it goes on trying: the process is alive all the same, and the file says so.
"""

import logging
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

from celery.signals import beat_init, worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from webapp.common.models import Process

logger = logging.getLogger(__name__)
FORGOTTEN_AFTER = timedelta(days=1)


class Heart:
    """The thread that speaks for a process."""

    def __init__(self, name: str, kind: Process.Kind, doing: Callable[[], str]) -> None:
        self.name, self.kind, self.doing = name, kind, doing
        self.started_at = timezone.now()
        self._stop = Event()

    def start(self) -> None:
        """Speak now, and then every few seconds until the process ends."""
        Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Fall silent, and leave no row behind."""
        self._stop.set()
        Process.objects.filter(name=self.name).delete()

    def beat(self) -> None:
        """Say once that the process lives."""
        if settings.HEARTBEAT_FILE:
            Path(settings.HEARTBEAT_FILE).touch()
        Process.objects.update_or_create(
            name=self.name,
            defaults={
                "kind": self.kind,
                "doing": self.doing()[:500],
                "started_at": self.started_at,
                "seen_at": Now(),
            },
        )
        Process.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()

    def _run(self) -> None:
        while True:
            try:
                self.beat()
            except (DatabaseTrouble, OSError) as error:
                logger.warning("%s could not say that it lives: %s", self.name, error)
            connection.close()  # a worker forks now and then; nobody inherits a connection
            if self._stop.wait(settings.HEARTBEAT_EVERY_S):
                return


_hearts: list[Heart] = []


@worker_ready.connect
def start_worker(sender: Any, **_: object) -> None:
    """Let a worker speak once it takes tasks."""
    name = str(sender.hostname)
    kinds = {"scorer": Process.Kind.SCORER, "backup": Process.Kind.BACKUP}
    kind = kinds.get(name.partition("@")[0], Process.Kind.WORKER)
    _start(Heart(name, kind, _tasks))


@beat_init.connect
def start_beat(**_: object) -> None:
    """Let beat speak."""
    _start(Heart(f"beat@{socket.gethostname()}.{os.getpid()}", Process.Kind.BEAT, str))


@worker_shutdown.connect
def stop(**_: object) -> None:
    """Let nobody think that a worker that ended on purpose has died."""
    while _hearts:
        try:
            _hearts.pop().stop()
        except DatabaseTrouble as error:
            logger.warning("The database does not take the worker's farewell: %s", error)


def _start(heart: Heart) -> None:
    _hearts.append(heart)
    heart.start()


def _tasks() -> str:
    """Return the names of the tasks that run now, without the packages they live in."""
    from celery.worker import state  # noqa: PLC0415 - only a worker needs it

    return ", ".join(sorted(request.name.rpartition(".")[2] for request in state.active_requests))
