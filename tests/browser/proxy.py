"""A line between browser and site that a test can make bad: it drops, delays and cuts."""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WITHIN_S = 60.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, at once


class Fault(Enum):
    """What becomes of one request."""

    PASS = "pass"
    DROP = "drop"  # the site never sees it
    LOSE = "lose"  # the site answers, the browser never hears it
    CUT = "cut"  # the browser hears half of the answer


@dataclass
class Seen:
    """A request as it came in.

    Attributes:
        at: seconds of a clock that only goes forward.
    """

    method: str
    path: str
    at: float
    fault: Fault


@dataclass(frozen=True)
class Answer:
    """What the site says."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes


class Proxy:
    """Passes requests on to a site, as its rule says."""

    def __init__(self, port: int) -> None:
        self.site_port = port
        self.rule: Callable[[Seen], Fault] = lambda _seen: Fault.PASS
        self.delay_s = 0.0
        self.seen: list[Seen] = []
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def posts(self) -> list[Seen]:
        """Return the answers that came in."""
        return [one for one in self.seen if one.method == "POST"]

    def heal(self) -> None:
        """Let everything pass again."""
        self.rule, self.delay_s = (lambda _seen: Fault.PASS), 0.0

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Listen until the end."""
        handler = type("Handler", (Handler,), {"proxy": self})
        with Server(("127.0.0.1", 0), handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, args=[0.05])
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def judge(self, method: str, path: str) -> Fault:
        """Note a request, and say what becomes of it."""
        with self.lock:
            seen = Seen(method, path, time.monotonic(), Fault.PASS)
            seen.fault = self.rule(seen)
            self.seen.append(seen)
        return seen.fault


class Server(ThreadingHTTPServer):
    """A connection that a browser keeps open holds nobody up."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_request: Any) -> None:
        """Keep quiet: browsers go away in the middle of things."""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests that come to a proxy."""

    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def do_GET(self) -> None:
        """Pass a request on, as the rule says."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.judge(self.command, self.path)
        time.sleep(self.proxy.delay_s)
        answer = None if fault is Fault.DROP else ask(self.proxy.site_port, self, body)
        if answer is None or fault is Fault.LOSE:
            self.reset()
        else:
            self.answer(answer, is_cut=fault is Fault.CUT)

    def do_POST(self) -> None:
        """Pass an answer on."""
        self.do_GET()

    def answer(self, answer: Answer, *, is_cut: bool) -> None:
        """Give the site's answer, or the first half of it."""
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content[: len(answer.content) // 2] if is_cut else answer.content)
        if is_cut:
            self.reset()

    def reset(self) -> None:
        """End the connection as a line does that breaks."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()

    def log_message(self, *_words: Any) -> None:
        """Keep quiet."""


def ask(port: int, request: BaseHTTPRequestHandler, body: bytes) -> Answer | None:
    """Send a request to the site and return its answer, None if there is none."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        line.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() != "connection":
                line.putheader(name, value)
        line.endheaders(body or None)
        response = line.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()
