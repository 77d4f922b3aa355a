"""I21: what no browser sends: heads without end, requests that two readers would tell apart."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.faults import place

pytestmark = [pytest.mark.processes, pytest.mark.slow]
REFUSALS = {400, 414, 431, 501}
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /livez HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.contextmanager
def line(hurt) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", hurt.place.port), timeout=place.LONG_S) as opened:
        yield opened


def told(hurt, *pieces: bytes) -> bytes:
    """Send bytes as they are; return all that comes until the site hangs up."""
    with line(hurt) as opened:
        with contextlib.suppress(OSError):
            for piece in pieces:
                opened.sendall(piece)
            opened.shutdown(socket.SHUT_WR)  # what is not whole ends here
        said = b""
        with contextlib.suppress(OSError):
            while more := opened.recv(65536):
                said += more
        return said


def statuses(said: bytes) -> list[int]:
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def assert_well(hurt) -> None:
    """Everybody else is answered."""
    for _ in range(4):
        said = told(hurt, GET + b"Connection: close\r\n\r\n")
        assert statuses(said) == [200]
        assert b"alive\n" in said


SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
HEADS = {
    "a field of 100 KB": GET + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    "100 KB of fields": GET + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 90) for n in range(999)),
    "101 fields": GET + b"".join(b"X-%d: y\r\n" % n for n in range(101)) + b"\r\n",
    "an address of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "both lengths": POST + b"Content-Length: 5\r\n" + CHUNKED + SMUGGLED,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 0, 44\r\n\r\n" + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "a length below none": POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\n" + CHUNKED + SMUGGLED,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded field": POST + b"X: a\r\n " + CHUNKED + SMUGGLED,
    "a bare line feed": POST + b"X: a\n" + CHUNKED + SMUGGLED,
    "a NUL in a field": GET + b"X: a\0b\r\n\r\n" + SMUGGLED,
    "an underline in a length": POST + b"Content-Length: 4_4\r\n\r\n" + SMUGGLED,
}  # fmt: skip


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS.keys())
def test_is_refused_and_nothing_behind_it_is_answered(hurt, sent):
    said = told(hurt, sent)
    assert len(statuses(said)) <= 1  # no answer at all where it hangs up over what is unread
    assert set(statuses(said)) <= REFUSALS
    assert b"site_request_seconds" not in said
    assert_well(hurt)
