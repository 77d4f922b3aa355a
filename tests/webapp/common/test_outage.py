"""Transactions that collide are tried again, and cut connections are left in time."""

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from psycopg import errors as postgres

from webapp.common import outage
from webapp.common.middleware import DatabaseUnavailable
from webapp.common.outage import TRIES, leave_if_cut, tried_again


def failing(cause: Exception, times: int):
    """Return what fails so often before it succeeds, and the list of its calls."""
    calls: list[str] = []

    @tried_again
    def store(word: str) -> str:
        calls.append(word)
        if len(calls) <= times:
            raise OperationalError("not now") from cause
        return word

    return store, calls


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(outage, "PAUSE_S", 0.0)


@pytest.mark.parametrize("cause", [postgres.SerializationFailure(), postgres.DeadlockDetected()])
def test_what_collides_is_tried_again_a_few_times(cause):
    store, calls = failing(cause, TRIES - 1)
    assert store("answer") == "answer"
    assert calls == ["answer"] * TRIES

    store, calls = failing(cause, TRIES)
    with pytest.raises(DatabaseError):
        store("answer")
    assert calls == ["answer"] * TRIES


def test_what_fails_otherwise_is_tried_once():
    store, calls = failing(postgres.DiskFull(), 1)
    with pytest.raises(DatabaseError):
        store("answer")
    assert calls == ["answer"]


@pytest.mark.django_db
def test_inside_a_larger_transaction_it_is_tried_once():
    store, calls = failing(postgres.DeadlockDetected(), 1)
    with pytest.raises(DatabaseError):
        store("answer")
    assert calls == ["answer"]


def asked() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def cut(pid: int) -> None:
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_cut_is_left_and_a_good_one_kept():
    kept = asked()
    leave_if_cut()
    assert asked() == kept

    cut(kept)
    leave_if_cut()
    assert asked() != kept


@pytest.mark.django_db(transaction=True)
def test_a_request_that_comes_after_a_restart_is_answered():
    cut(asked())
    site = DatabaseUnavailable(lambda _: HttpResponse(str(asked())))
    assert site(RequestFactory().get("/")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_has_begun_is_never_left():
    def go_on() -> None:
        with transaction.atomic():
            cut(asked())
            leave_if_cut()
            asked()

    with pytest.raises(OperationalError, match="terminating"):
        go_on()
    connection.close()
