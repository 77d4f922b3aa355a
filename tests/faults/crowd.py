"""Volunteers who send an answer again until it is acknowledged, as the browser's queue does."""

import http.client
import itertools
import random
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from dataclasses import dataclass, field

from tests.bench.volunteers import FIELD, Volunteer, _found

HTMX = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
PATHS = [[0], [1], [2]]  # the three-class tree
SAVED = b"Saved"
THINKS_S = 1.0  # who goes on until it is over


_made: list["Stubborn"] = []


def close_all() -> None:
    """Close the connections of every client so far."""
    while _made:
        _made.pop().connection.close()


@dataclass
class Ledger:
    """What the clients know: what they sent, and what the site told them that it has."""

    sent: set[str] = field(default_factory=set)
    acknowledged: dict[str, int] = field(default_factory=dict)  # uuid -> Classification-Id
    statuses: Counter[int] = field(default_factory=Counter)
    n_broken: int = 0  # requests that got no answer at all
    problems: list[str] = field(default_factory=list)


class Stubborn(Volunteer):
    """One client who never gives up before its time."""

    def __init__(self, port: int, slug: str, ledger: Ledger, *, give_up_s: float) -> None:
        super().__init__(port, slug, PATHS)
        _made.append(self)
        self.ledger = ledger
        self.give_up_at_s = time.monotonic() + give_up_s

    def insist(
        self, method: str, place: str, body: str | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Send a request until the answer is not that the site is away."""
        while time.monotonic() < self.give_up_at_s:
            try:
                status, content, answer = self.request(method, place, body, **headers)
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.ledger.n_broken += 1
            else:
                self.ledger.statuses[status] += 1
                if status < 500:
                    return status, content, answer
                self._check_away(status, content, answer)
            time.sleep(random.uniform(0.02, 0.2))  # a crowd that comes back all at once is worse
        raise TimeoutError(f"{method} {place} was never answered.")

    def _check_away(self, status: int, content: bytes, answer: http.client.HTTPMessage) -> None:
        if status != 503 or not answer.get("Retry-After"):
            self.ledger.problems.append(f"{status} without Retry-After")
        if SAVED in content or answer.get("Classification-Id"):
            self.ledger.problems.append("an answer that failed says that it was saved")

    def open_page(self) -> str:
        """Ask for a galaxy and return its page; a crash may have emptied the handouts between."""
        while True:
            _, _, headers = self.insist("GET", f"/c/{self.slug}/classify/")
            status, content, _ = self.insist("GET", headers["Location"])
            if status == 200:
                return content.decode()

    def classify(self, n_votes: int, is_over: threading.Event | None = None) -> None:
        """Have so many answers acknowledged, one galaxy after the other.

        Args:
            is_over: with it, more and more of them until it is set.
        """
        html = self.open_page()
        token = _found(FIELD["csrfmiddlewaretoken"], html)
        for n_given in itertools.count():
            if n_given >= n_votes and (is_over is None or is_over.wait(THINKS_S)):
                return
            html = self.answer(html, token) or self.open_page()

    def answer(self, html: str, token: str) -> str:
        """Answer the galaxy on a page; return the next one, or nothing."""
        form = {
            "uuid": str(uuid.uuid4()),
            "shown": _found(FIELD["shown"], html),
            "path": "-".join(map(str, random.choice(self.paths))),
        }
        self.ledger.sent.add(form["uuid"])
        status, content, headers = self.insist(
            "POST",
            f"/c/{self.slug}/submit/",
            urllib.parse.urlencode(form),
            **HTMX,
            **{"X-CSRFToken": token},
        )
        number = headers.get("Classification-Id")
        if status >= 300 or number is None:
            self.ledger.problems.append(f"{status}: {content[:2000].decode()}")
            return ""
        self.ledger.acknowledged[form["uuid"]] = int(number)
        return content.decode() if status == 200 else ""


def start(
    port: int,
    slug: str,
    ledger: Ledger,
    *,
    n_clients: int,
    n_votes: int,
    give_up_s: float,
    is_over: threading.Event | None = None,
) -> list[threading.Thread]:
    """Let n clients classify at once; each is a thread that has been started."""

    def run(client: Stubborn) -> None:
        try:
            client.classify(n_votes, is_over)
        except Exception as error:  # noqa: BLE001 - the test reads it in the ledger
            ledger.problems.append(repr(error))
        finally:
            client.connection.close()

    clients = [Stubborn(port, slug, ledger, give_up_s=give_up_s) for _ in range(n_clients)]
    threads = [threading.Thread(target=run, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    return threads
