"""Wake-up calls are sent after the commit, and losing one breaks nothing."""

import logging

import pytest
from amqp.exceptions import NotAllowed
from celery import current_app
from django.db import transaction
from kombu import Connection
from kombu.exceptions import OperationalError

from webapp.common import wake


@pytest.fixture
def sent(monkeypatch, settings):
    settings.WAKES = {"topic": ["first", "second"]}
    calls: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, **how: calls.append((task, how)))
    return calls


@pytest.mark.django_db
def test_every_task_of_the_topic_is_called_after_the_commit(
    sent, django_capture_on_commit_callbacks, settings
):
    with django_capture_on_commit_callbacks(execute=True):
        wake.wake("topic")
        assert sent == []
    assert [task for task, _ in sent] == ["first", "second"]
    assert sent[0][1] == {"expires": settings.BEAT_EVERY_S, "retry": False}


@pytest.mark.django_db(transaction=True)
def test_a_change_that_failed_wakes_nobody(sent):
    def change() -> None:
        with transaction.atomic():
            wake.wake("topic")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert sent == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error",
    [OperationalError("no broker"), ConnectionRefusedError("no"), NotAllowed("no such host")],
)
def test_a_broker_that_is_away_is_written_down_and_no_more(monkeypatch, settings, caplog, error):
    settings.WAKES = {"topic": ["first"]}
    monkeypatch.setattr(current_app, "connection_for_write", lambda: Connection("amqp://"))

    def send_task(*_arguments: object, **_how: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", send_task)
    with caplog.at_level(logging.WARNING):
        wake.wake("topic")
    assert "beat repeats it" in caplog.text


def test_every_wake_up_call_is_repeated_by_beat():
    from webapp import settings as site  # noqa: PLC0415

    repeated = {row["task"] for row in site.CELERY_BEAT_SCHEDULE.values()}
    assert {task for tasks in site.WAKES.values() for task in tasks} <= repeated
