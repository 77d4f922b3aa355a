"""One browser's connection: HTTP/1.1 over asyncio, cookies and a cache, and nothing else.

What drives the site runs on the same processors, so each of its milliseconds is one less for the
site: a request costs about a fifth of one here, several times less than with a client that can do
everything.
"""

import asyncio
import contextlib
import re
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from tests.load.figures import Figures

WITHIN_S = 30.0  # as long as the page's own scripts wait
COOKIE = re.compile(rb"(?im)^set-cookie: *([^=;\r\n]+)=([^;\r\n]*)([^\r\n]*)")
LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Refused(Exception):
    """An answer that no volunteer should ever get."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header, or "" if there is none."""
        found = re.search(rb"(?im)^%s: *([^\r\n]*)" % name.encode(), self.head)
        return found[1].decode() if found else ""

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode()


class Line:
    """A connection that is kept open as long as the server likes, then opened again.

    Args:
        number: whose it is: each person comes from an address of their own, as limits count those.
    """

    def __init__(self, port: int, figures: Figures, number: int = 0) -> None:
        self.port, self.figures = port, figures
        self.address = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self.cookies: dict[str, str] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, kind: str, place: str, **headers: str) -> Answer:
        """Send a GET; its time is noted under a kind."""
        return await self.ask(kind, "GET", place, headers=headers)

    async def post(self, kind: str, place: str, form: Mapping[str, str], **headers: str) -> Answer:
        """Send a form."""
        body = urllib.parse.urlencode(form)
        return await self.ask(kind, "POST", place, body, headers=FORM | headers)

    async def ask(
        self, kind: str, method: str, place: str, body: str = "", headers: Mapping[str, str] = {}
    ) -> Answer:
        """Send one request and note how long the whole answer took.

        Raises:
            Refused: there was no answer in time, or none that could be read.
        """
        started_s = time.perf_counter()
        request = self._request(method, place, body, headers)
        try:
            answer = await asyncio.wait_for(self._send(request, method), WITHIN_S)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError) as error:
            self.close()
            raise Refused(f"{method} {place}: {error!r}") from error
        self.figures.note(kind, time.perf_counter() - started_s)
        for name, value, rest in COOKIE.findall(answer.head):
            self.cookies[name.decode()] = value.decode()
            if b"max-age=0" in rest.lower():
                del self.cookies[name.decode()]
        return answer

    def _request(self, method: str, place: str, body: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {place} HTTP/1.1", f"Host: localhost:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{n}={v}" for n, v in self.cookies.items()))
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    async def _send(self, request: bytes, method: str) -> Answer:
        """Send it; if the server had closed an idle connection, once more over a new one."""
        if self._reader is not None and not self._reader.at_eof():
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                return await self._exchange(request, method)
        self.close()
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.address, 0)
        )
        return await self._exchange(request, method)

    async def _exchange(self, request: bytes, method: str) -> Answer:
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = LENGTH.search(head)
        if length is None and status not in (204, 304):
            raise ValueError(f"an answer {status} without its length")
        body = await self._reader.readexactly(int(length[1])) if length else b""
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return Answer(status, head, body)

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
