"""Volunteers over HTTP: each classifies galaxy after galaxy, as a browser does."""

import http.client
import http.cookies
import itertools
import random
import re
import socket
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

FIELD = {
    name: re.compile(rf'name="{name}" value="([^"]*)"')
    for name in ("uuid", "shown", "csrfmiddlewaretoken")
}
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
PICTURE = re.compile(r'<img src="(/media/display/[^"]+)"')


@dataclass
class Timings:
    """Seconds that each request took, and what went wrong."""

    picture_s: list[float] = field(default_factory=list)
    post_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Volunteer:
    """One client with its own connection and cookies."""

    def __init__(self, port: int, slug: str, paths: list[list[int]], cookie: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.slug, self.paths = slug, paths
        self.cookies: http.cookies.SimpleCookie = http.cookies.SimpleCookie(cookie)
        self.acknowledged: list[str] = []

    def request(
        self, method: str, place: str, body: str | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Send one request on the open connection, keeping cookies."""
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        headers = {"Cookie": cookie, "Host": "localhost", **headers}
        try:
            self.connection.request(method, place, body, headers)
            response = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection.close()  # the server closes idle connections; a browser tries again
            self.connection.request(method, place, body, headers)
            response = self.connection.getresponse()
        content = response.read()
        for line in response.headers.get_all("Set-Cookie") or []:
            self.cookies.load(line)
        return response.status, content, response.headers

    def open_page(self) -> str:
        """Ask for a galaxy and return its page."""
        _, _, headers = self.request("GET", f"/c/{self.slug}/classify/")
        status, content, _ = self.request("GET", headers["Location"])
        if status != 200:
            raise RuntimeError(f"The classify page answered {status}.")
        return content.decode()

    def classify_until(self, deadline_s: float, timings: Timings) -> None:
        """Fetch the picture, answer, and go on with the galaxy that the answer brought."""
        html = self.open_page()
        token = _found(FIELD["csrfmiddlewaretoken"], html)
        line = Line(self, token)
        while time.perf_counter() < deadline_s:
            started = time.perf_counter()
            status, _ = line.get(_found(PICTURE, html))
            between = time.perf_counter()
            name = _found(FIELD["uuid"], html)
            form = {
                "uuid": name,
                "shown": _found(FIELD["shown"], html),
                "path": "-".join(map(str, random.choice(self.paths))),
            }
            posted, content = line.post(f"/c/{self.slug}/submit/", form)
            ended = time.perf_counter()
            if (status, posted) != (200, 200):
                timings.errors.append(f"picture {status}, post {posted}")
                html = self.open_page()
                continue
            timings.picture_s.append(between - started)
            timings.post_s.append(ended - between)
            self.acknowledged.append(name)
            html = content.decode()


class Line:
    """One connection that stays open, spoken to as plainly as possible.

    What drives the site runs on the same processors, so each of its milliseconds is one less for
    the site: no cookies are read here, nothing is parsed but the status and the length.
    """

    def __init__(self, volunteer: Volunteer, token: str) -> None:
        cookie = "; ".join(f"{name}={m.value}" for name, m in volunteer.cookies.items())
        self.common = f"Host: localhost\r\nCookie: {cookie}\r\n"
        self.token = token
        self.address = ("127.0.0.1", volunteer.connection.port)
        self.socket = socket.create_connection(self.address, timeout=30)

    def get(self, place: str) -> tuple[int, bytes]:
        """Send a GET; return status and body."""
        return self._ask(f"GET {place} HTTP/1.1\r\n{self.common}\r\n".encode())

    def post(self, place: str, form: dict[str, str]) -> tuple[int, bytes]:
        """Send a form as htmx does; return status and body."""
        body = urllib.parse.urlencode(form)
        return self._ask(
            f"POST {place} HTTP/1.1\r\n{self.common}X-CSRFToken: {self.token}\r\n"
            "HX-Request: true\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def _ask(self, request: bytes) -> tuple[int, bytes]:
        try:
            return self._exchange(request)
        except (ConnectionError, ValueError):  # the server closes idle lines; a browser asks again
            self.socket.close()
            self.socket = socket.create_connection(self.address, timeout=30)
            return self._exchange(request)

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        self.socket.sendall(request)
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._some()
        head = bytes(answer[:end])
        length = int(LENGTH.search(head)[1])
        while len(answer) < end + 4 + length:
            answer += self._some()
        if b"\r\nconnection: close" in head.lower():
            self.socket.close()
            self.socket = socket.create_connection(self.address, timeout=30)
        return int(head[9:12]), bytes(answer[end + 4 :])

    def _some(self) -> bytes:
        if not (some := self.socket.recv(65536)):
            raise ConnectionError("closed")
        return some


def _found(pattern: re.Pattern[str], html: str) -> str:
    match = pattern.search(html)
    if match is None:
        raise RuntimeError(f"The page has nothing like {pattern.pattern}.")
    return match[1]


def crowd(
    port: int, slug: str, paths: list[list[int]], *, n: int, seconds: float, cookies: list[str]
) -> Timings:
    """Let n volunteers classify at once for some seconds."""
    timings = Timings()
    deadline_s = time.perf_counter() + seconds
    threads = [
        threading.Thread(
            target=Volunteer(port, slug, paths, cookie).classify_until, args=(deadline_s, timings)
        )
        for cookie in itertools.islice(itertools.chain(cookies, itertools.repeat("")), n)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return timings
