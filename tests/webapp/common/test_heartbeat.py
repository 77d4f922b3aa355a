"""A worker says that it lives, what it does, and when it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webapp.common.heartbeat import Heart
from webapp.common.models import SILENT_AFTER_S, Process

pytestmark = pytest.mark.django_db


def heart(name="celery@here", doing=lambda: "score_unscored"):
    return Heart(name, Process.Kind.WORKER, doing)


def test_a_beat_is_a_row_and_a_file(tmp_path, settings):
    settings.HEARTBEAT_FILE = str(tmp_path / "alive")
    heart().beat()
    process = Process.objects.get()
    assert (process.name, process.doing, process.is_alive) == (
        "celery@here", "score_unscored", True,
    )  # fmt: skip
    assert (tmp_path / "alive").exists()


def test_the_same_process_keeps_its_row():
    speaking = heart()
    speaking.beat()
    speaking.beat()
    assert Process.objects.get().started_at == speaking.started_at


def test_a_silent_process_is_dead_and_is_forgotten_after_a_day():
    heart("celery@gone").beat()
    silent = timezone.now() - timedelta(seconds=SILENT_AFTER_S + 1)
    Process.objects.update(seen_at=silent)
    assert not Process.objects.get().is_alive
    Process.objects.update(seen_at=timezone.now() - timedelta(days=1, seconds=1))
    heart("celery@here").beat()
    assert [process.name for process in Process.objects.all()] == ["celery@here"]


def test_who_ends_on_purpose_leaves_no_row():
    speaking = heart()
    speaking.beat()
    speaking.stop()
    assert not Process.objects.exists()
