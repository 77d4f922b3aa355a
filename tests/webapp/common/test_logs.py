"""One line a record, whatever somebody put into a name."""

import json
import logging
import re
import sys

import pytest
from celery import current_app
from django.http import HttpResponse

from webapp.common.logs import JsonFormatter, LineFormatter, name_requests


def line(message: str, *arguments: object) -> str:
    record = logging.LogRecord("site", logging.WARNING, __file__, 1, message, arguments, None)
    return LineFormatter().format(record)


def test_a_line_has_time_level_logger_and_message():
    found = line("%s signed in", "alice")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ WARNING site alice signed in", found)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\n2026-01-01T00:00:00Z ERROR site forged", r"a\n2026"),
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u2028b", r"a\u2028b"),
        ("a\u202eb", r"a\u202eb"),
        ("a\0b", r"a\x00b"),
        ("a\ud800b", r"a\ud800b"),
        ("a\x85b", r"a\x85b"),
    ],
)
def test_control_characters_are_escaped(name, shown):
    found = line("%s", name)
    assert shown in found
    assert len(found.splitlines()) == 1
    assert found.encode()


def test_letters_of_the_world_stay():
    assert "Ольга 銀河" in line("%s", "Ольга 銀河")


def test_a_traceback_keeps_its_lines():
    error = ValueError("x\ny")
    record = logging.LogRecord(
        "site", logging.ERROR, __file__, 1, "failed", (), (ValueError, error, None)
    )
    assert LineFormatter().format(record).splitlines()[1:] == ["ValueError: x", "y"]


def as_json(message="hello", *arguments, error=None):
    record = logging.LogRecord("site", logging.INFO, __file__, 1, message, arguments, error)
    (text,) = JsonFormatter().format(record).splitlines()
    return json.loads(text)


def test_json_has_one_object_a_line():
    found = as_json("%s signed in", "a\nb\ud800")
    assert found.pop("at").endswith("Z")
    assert found == {"level": "INFO", "logger": "site", "message": "a\nb\ud800 signed in"}


def test_json_holds_the_traceback():
    try:
        int("x")
    except ValueError:
        assert "ValueError: invalid literal" in as_json(error=sys.exc_info())["traceback"]


@pytest.mark.parametrize(
    ("given", "is_kept"), [("0123-abcdef", True), ("short", False), ("a" * 99, False), ("", False)]
)
def test_lines_of_a_request_bear_its_id(rf, given, is_kept):
    seen = []

    def view(_request):
        seen.append(as_json()["request"])
        return HttpResponse()

    answer = name_requests(view)(rf.get("/", headers={"X-Request-ID": given}))
    assert seen == [answer.headers["X-Request-ID"]]
    assert (seen[0] == given) is is_kept
    assert "request" not in as_json()


def test_lines_of_a_task_bear_its_id():
    seen = []

    @current_app.task(shared=False)
    def note():
        seen.append(as_json()["task"])

    result = note.apply()
    assert seen == [result.id]
