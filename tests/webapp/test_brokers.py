"""Redis and RabbitMQ in place of the files: a wake-up call reaches a worker of a server.

They run wherever the two answer on their usual ports of this machine, as in continuous integration.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import kombu
import pytest
from celery import Celery
from celery.beat import ScheduleEntry, SchedulingError
from celery.schedules import schedule
from django.db import connection

from tests import make
from tests.faults.brokers import control_rabbitmq, open_virtual_host
from webapp.beat import Scheduler
from webapp.consensus.models import Queue
from webapp.subjects.models import SetLink

ROOT = Path(__file__).resolve().parents[2]
REDIS = "redis://127.0.0.1:6379/11"
VHOST = "tuning-fork-tests"

pytestmark = [
    pytest.mark.services,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("brokers"),
]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.fixture
def redis_url() -> Iterator[str]:
    if not listens(6379):
        pytest.skip("No Redis answers on 127.0.0.1:6379.")
    import redis  # noqa: PLC0415 - not every machine runs this test

    client = redis.Redis.from_url(REDIS)
    client.flushdb()
    yield REDIS
    client.flushdb()
    client.close()


@pytest.fixture
def rabbitmq_url() -> Iterator[str]:
    if not listens(5672) or shutil.which("rabbitmqctl") is None:
        pytest.skip("No RabbitMQ answers on 127.0.0.1:5672, or rabbitmqctl is not here.")
    yield open_virtual_host(VHOST)
    control_rabbitmq("delete_vhost", VHOST)


def server_environment(tmp_path: Path, broker_url: str) -> dict[str, str]:
    """The environment of a process in server mode that uses the tests' database."""
    parts = urllib.parse.urlsplit(os.environ["TEST_DATABASE_URL"])
    url = parts._replace(path="/" + connection.settings_dict["NAME"]).geturl()
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": broker_url,
        "SECRET_KEY": "correct horse battery staple, and some more letters for a test",
        "ALLOWED_HOSTS": "galaxies.example.org",
        "EMAIL_HOST": "mail.example.org",
        "VAR_DIR": str(tmp_path / "var"),
    }


def run_through(broker_url: str, tmp_path: Path) -> None:
    """A set waits to be admitted; a call wakes a worker, with no beat to repeat it."""
    environment = server_environment(tmp_path, broker_url)
    workflow = make.workflow()
    subject_set = make.subjects(3)[0].subject_set
    celery = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "webapp.celery",
        "worker",
        "-c",
        "1",
        "-l",
        "INFO",
    ]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(celery, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: "ready" in (tmp_path / "worker.log").read_text(), tmp_path, worker)
        SetLink.objects.create(workflow=workflow, subject_set=subject_set)
        call = "from webapp.common.wake import wake; wake('admission')"
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", call],
            cwd=ROOT, env=environment, check=True, timeout=60,
        )  # fmt: skip
        waiting = Queue.objects.filter(workflow=workflow, stream="random")
        wait_for(lambda: waiting.count() == 3, tmp_path, worker)
    finally:
        worker.terminate()
        worker.wait(30)


def wait_for(is_true, tmp_path: Path, worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        log = (tmp_path / "worker.log").read_text()
        assert worker.poll() is None, log
        assert time.monotonic() < deadline, log
        time.sleep(0.1)


def test_redis_wakes_a_worker(redis_url, tmp_path):
    run_through(redis_url, tmp_path)


def test_rabbitmq_wakes_a_worker(rabbitmq_url, tmp_path):
    run_through(rabbitmq_url, tmp_path)


def test_beat_reaches_rabbitmq_again_after_it_was_away(rabbitmq_url, tmp_path):
    with Celery("beat", broker=rabbitmq_url, set_as_current=False) as app:
        scheduler = Scheduler(app, lazy=True, schedule_filename=str(tmp_path / "schedule"))
        entry = ScheduleEntry("watch", "some.task", schedule=schedule(20), app=app)
        send = partial(scheduler.apply_async, entry, producer=scheduler.producer, advance=False)
        send()
        control_rabbitmq("delete_vhost", VHOST)
        for _ in range(2):  # the first may be taken by a connection that is closed already
            with contextlib.suppress(SchedulingError):
                send()
        open_virtual_host(VHOST)
        send()
        with app.connection_for_read() as reading:
            assert kombu.Queue("celery")(reading).get(no_ack=True) is not None
