"""Volunteers over HTTP: each classifies galaxy after galaxy, as a browser does."""

import http.client
import http.cookies
import itertools
import random
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

FIELD = {
    name: re.compile(rf'name="{name}" value="([^"]*)"')
    for name in ("uuid", "shown", "csrfmiddlewaretoken")
}
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
        while time.perf_counter() < deadline_s:
            started = time.perf_counter()
            status, _, _ = self.request("GET", _found(PICTURE, html))
            between = time.perf_counter()
            form = {
                "uuid": _found(FIELD["uuid"], html),
                "shown": _found(FIELD["shown"], html),
                "path": "-".join(map(str, random.choice(self.paths))),
            }
            posted, content, _ = self.request(
                "POST",
                f"/c/{self.slug}/submit/",
                urllib.parse.urlencode(form),
                **{
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-CSRFToken": token,
                    "HX-Request": "true",
                },
            )
            ended = time.perf_counter()
            if (status, posted) != (200, 200):
                timings.errors.append(f"picture {status}, post {posted}")
                html = self.open_page()
                continue
            timings.picture_s.append(between - started)
            timings.post_s.append(ended - between)
            self.acknowledged.append(form["uuid"])
            html = content.decode()


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
