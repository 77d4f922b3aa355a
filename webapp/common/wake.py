"""Wake-up calls: after a commit, tell the workers to look at the rows now.

A call may be lost, doubled or late; beat repeats each of them, so that only time is at stake.
"""

import logging
from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def wake(topic: str) -> None:
    """Send the tasks of a topic (settings.WAKES) once the surrounding transaction has committed."""
    for task in settings.WAKES[topic]:
        transaction.on_commit(_sender(task), robust=True)


def _sender(task: str) -> Callable[[], None]:
    """Return what sends a call; Django logs a failure by its name, which a partial has not."""

    def send() -> None:
        _send(task)

    return send


def _send(task: str) -> None:
    try:
        current_app.send_task(task, expires=settings.BEAT_EVERY_S, retry=False)
    except _faults() as error:
        logger.warning("The broker did not take %s (%s); beat repeats it.", task, error)


def _faults() -> tuple[type[BaseException], ...]:
    """Return what a broker that is away raises; RabbitMQ's errors are its library's own."""
    own = current_app.connection_for_write()
    return (OperationalError, OSError, *own.connection_errors, *own.channel_errors)
