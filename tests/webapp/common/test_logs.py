"""One line a record, whatever somebody put into a name."""

import logging
import re

import pytest

from webapp.common.logs import LineFormatter


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
