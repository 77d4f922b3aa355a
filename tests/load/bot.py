"""A program that sends answers far faster than anybody can look at galaxies (F36)."""

import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass

from tests.load import pages
from tests.load.figures import Figures
from tests.load.line import Line, Refused
from tests.load.volunteer import HTMX

KIND = "answer of the bot"
N_LINES = 16
LATE_S = 30.0  # that it sends on to make up for what it could not
PATH = "2"  # "a star or an artifact" ends the tree of Galaxy Zoo 2 at once


@dataclass
class Bot:
    """One volunteer, by its cookie, over many connections at once."""

    port: int
    slug: str
    per_minute: int
    figures: Figures
    holder: str = ""

    async def send(self, seconds: float) -> None:
        """Send so many answers a minute, evenly, for some seconds."""
        first = Line(self.port, self.figures)
        await first.get("page of the bot", f"/c/{self.slug}/classify/")
        first.close()
        self.holder = first.cookies["browser"].strip('"').split(":")[0]
        due: asyncio.Queue[int] = asyncio.Queue()
        senders = [asyncio.create_task(self._sender(first.cookies, due)) for _ in range(N_LINES)]
        started_s = time.monotonic()
        for number in range(int(self.per_minute * seconds / 60)):
            await asyncio.sleep(started_s + number * 60 / self.per_minute - time.monotonic())
            due.put_nowait(1 + number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(due.join(), LATE_S)
        self.figures.counts["never sent"] = due.qsize()
        while not due.empty():
            due.get_nowait()
        for _ in senders:
            due.put_nowait(0)  # each ends after the answer that it waits for
        await asyncio.gather(*senders)

    async def _sender(self, cookies: dict[str, str], due: asyncio.Queue[int]) -> None:
        """Answer one galaxy again and again, a new one each time that it was taken."""
        line = Line(self.port, self.figures)
        line.cookies = dict(cookies)
        form = await self._open(line)
        try:
            while await due.get():
                try:
                    form = await self._answer(line, form)
                except Refused as error:
                    self.figures.fail(KIND, str(error))
                due.task_done()
        finally:
            line.close()

    async def _open(self, line: Line) -> dict[str, str]:
        answer = await line.get("page of the bot", f"/c/{self.slug}/classify/")
        answer = await line.get("page of the bot", answer.header("Location"))
        return self._form(line, answer.text)

    async def _answer(self, line: Line, form: dict[str, str]) -> dict[str, str]:
        sent = form | {"uuid": str(uuid.uuid4())}
        token = {"X-CSRFToken": sent.pop("csrfmiddlewaretoken")}
        answer = await line.post(KIND, f"/c/{self.slug}/submit/", sent, **HTMX, **token)
        self.figures.counts[f"answered {answer.status}"] += 1
        if answer.status == 200:
            return self._form(line, answer.text)
        if answer.status != 429 or not answer.header("Retry-After"):
            self.figures.fail(KIND, f"{answer.status}: {answer.body[:300]!r}")
        return form

    def _form(self, line: Line, page: str) -> dict[str, str]:
        """Return what stores the galaxy of a page with the tree's first answers."""
        done, question = pages.done(page), pages.question(page)
        if done is None or question is None:
            raise Refused("the bot was shown no galaxy")
        kept = {"csrfmiddlewaretoken": line.cookies.get("csrf", "")} | done.hidden()
        return kept | {"path": PATH}
