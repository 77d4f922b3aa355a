"""What every response gets, and what happens when the database does not answer."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from psycopg import errors as postgres

from webapp.common.middleware import DatabaseUnavailable, secure_responses
from webapp.common.outage import is_unavailability

REQUEST = RequestFactory().get("/")


def caused(error: DatabaseError, cause: Exception) -> DatabaseError:
    error.__cause__ = cause
    return error


AWAY = [
    OperationalError("the connection is closed"),
    InterfaceError("connection already closed"),
    caused(DatabaseError("read-only"), postgres.ReadOnlySqlTransaction()),
    caused(DatabaseError("full"), postgres.DiskFull()),
    caused(DatabaseError("lock"), postgres.LockNotAvailable()),
    caused(DatabaseError("deadlock"), postgres.DeadlockDetected()),
    caused(DatabaseError("statement timeout"), postgres.QueryCanceled()),
]
MISTAKES = [
    IntegrityError("duplicate key"),
    caused(DatabaseError("column"), postgres.UndefinedColumn()),
    ValueError("bug"),
    PermissionDenied(),
]


@pytest.mark.parametrize("error", AWAY, ids=str)
def test_a_database_that_is_away_is_said_with_the_wait(error):
    answer = DatabaseUnavailable(lambda _: HttpResponse()).process_exception(REQUEST, error)
    assert is_unavailability(error)
    assert answer is not None
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("error", MISTAKES, ids=repr)
def test_a_mistake_of_the_program_is_not_taken_for_it(error):
    answer = DatabaseUnavailable(lambda _: HttpResponse()).process_exception(REQUEST, error)
    assert not is_unavailability(error)
    assert answer is None


def test_no_error_is_no_outage():
    assert not is_unavailability(None)


def test_every_response_gets_the_headers():
    answer = secure_responses(lambda _: HttpResponse())(REQUEST)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_response_keeps_headers_of_its_own():
    answer = secure_responses(lambda _: HttpResponse(headers={"Cache-Control": "no-store"}))(
        REQUEST
    )
    assert answer.headers["Cache-Control"] == "no-store"
