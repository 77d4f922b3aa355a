"""A person who classifies: looks, answers question by question, presses Done, looks again.

With scripts a browser has all questions of the tree at hand and two galaxies ahead, and sends each
answer from its queue; without, every question is a page.
"""

import asyncio
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.load import pages
from tests.load.line import Answer, Line, Refused

HTMX = {"HX-Request": "true"}
AHEAD = 2  # galaxies that a browser has ready, as static/js/queue.js has
PASSWORD = "a long password"  # of every account that the load has made


@dataclass(frozen=True)
class Pace:
    """How long a person takes, in seconds from and to."""

    look_s: tuple[float, float] = (2.0, 5.0)  # at a galaxy that has just come
    answer_s: tuple[float, float] = (0.8, 2.4)  # at each further question, and before Done


PEOPLE = Pace()


class Person:
    """One volunteer with a browser of their own."""

    def __init__(
        self, line: Line, slug: str, pace: Pace, *, has_script: bool = True, account: str = ""
    ) -> None:
        self.line, self.slug, self.pace = line, slug, pace
        self.has_script, self.account = has_script, account
        self.chance = random.Random()
        self.speed = self.chance.uniform(0.75, 1.25)
        self.cached: set[str] = set()
        self.ahead: list[str] = []
        self.tree: list[dict[str, Any]] = []
        self.doing = "home"

    async def stay(self, begins_in_s: float, until: asyncio.Event) -> None:
        """Come after a while, and classify galaxy after galaxy until it is enough."""
        await self._wait(begins_in_s, begins_in_s, until)
        while not until.is_set():
            try:
                await self._visit(until)
            except (Refused, AttributeError, StopIteration) as error:
                self.line.figures.fail(self.doing, repr(error))
                await asyncio.sleep(1)
        self.line.close()

    async def _visit(self, until: asyncio.Event) -> None:
        page = await self._page("home", "/")
        if self.account and "session" not in self.line.cookies:
            await self._sign_in()
        page = await self._page("campaign", f"/c/{self.slug}/")
        page = await self._page("classify", self._classify_at)
        self.ahead = []
        while not until.is_set():
            if self.has_script:
                await self._fill_up(page)
            await self._wait(*self.pace.look_s, until)
            page = await (self._answer_all if self.has_script else self._classify)(page, until)

    async def _fill_up(self, page: str) -> None:
        """Get what the scripts have at hand: the tree's questions, once, and galaxies ahead."""
        done = pages.done(page)
        if done is None:
            raise Refused("there is no galaxy on the page")
        if not self.tree:
            self.tree = pages.tree(_page(await self._get("questions", done.data["questions"])))
        while len(self.ahead) < AHEAD:
            answer = await self._get("galaxy ahead", done.data["ahead"], **HTMX)
            if answer.status == 204:
                return
            part = _page(answer)
            await self._load(part)
            self.ahead.append(part)

    async def _answer_all(self, page: str, until: asyncio.Event) -> str:
        """Answer all questions, send them from the queue, and return the galaxy that was ahead."""
        done, began = pages.done(page), datetime.now(UTC)
        assert done is not None
        given = pages.walk(self.tree, self.chance)
        for _ in given:  # the first one was looked at; Done is looked at too
            await self._wait(*self.pace.answer_s, until)
        if until.is_set():
            return page
        form = done.hidden()
        token = {"X-CSRFToken": form.pop("csrfmiddlewaretoken")}
        sent = form | {
            "path": "-".join(item for answers in given for item in answers),
            "started_at": began.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
        }
        answer = await self._post("answer", done.data["queue"], sent, **token)
        self._acknowledged(answer)
        _page(answer)
        return self.ahead.pop(0) if self.ahead else await self._page("classify", self._classify_at)

    @property
    def _classify_at(self) -> str:
        return f"/c/{self.slug}/classify/"

    def _acknowledged(self, answer: Answer) -> None:
        """Count a vote.

        Raises:
            Refused: it was none.
        """
        if not answer.header("Classification-Id"):
            raise Refused(f"a vote was answered {answer.status}: {answer.body[:300]!r}")
        self.line.figures.counts["votes"] += 1

    async def _sign_in(self) -> None:
        page = await self._page("sign-in page", "/accounts/login/")
        form = next(form for form in pages.forms(page) if any(
            control.name == "password" for control in form.controls))  # fmt: skip
        given = form.hidden() | {"login": self.account, "password": PASSWORD}
        answer = await self._post("sign in", form.action, given)
        if answer.status != 302:
            raise Refused(f"signing in answered {answer.status}")

    async def _classify(self, page: str, until: asyncio.Event) -> str:
        """Without scripts: answer question by question, press Done, and return the next page."""
        done = pages.done(page)
        for number in itertools.count():
            if (question := pages.question(page)) is None or until.is_set():
                break
            if number:
                await self._wait(*self.pace.answer_s, until)
            page = await self._answer(question)
            done = pages.done(page)
        if until.is_set():
            return page
        await self._wait(*self.pace.answer_s, until)
        if done is None or not done.is_open:
            raise Refused("there is no Done after the last question")
        return await self._finish(done)

    async def _answer(self, question: pages.Form) -> str:
        sent = list(question.hidden().items())
        if (button := question.next_button) is None:
            choice = self.chance.choice(question.choices)
            sent.append((choice.name, choice.value))
        else:
            n_chosen = self.chance.randint(0, 2)
            chosen = self.chance.sample(question.choices, min(n_chosen, len(question.choices)))
            sent += [(each.name, each.value) for each in chosen]
            sent.append((button.name, button.value))
        return await self._page("question", f"{question.action}?{urlencode(sent)}")

    async def _finish(self, done: pages.Form) -> str:
        answer = await self._post("vote, no script", done.action, done.hidden())
        self._acknowledged(answer)
        return await self._page("galaxy after a vote", answer.header("Location"))

    async def _page(self, kind: str, place: str) -> str:
        """Open a page as a browser does: follow redirects, load what belongs to it."""
        for _ in range(5):
            answer = await self._get(kind, place, **{"Sec-Fetch-Dest": "document"})
            if answer.status != 302:
                break
            place = urlsplit(answer.header("Location"))._replace(scheme="", netloc="").geturl()
        page = _page(answer)
        await self._load(page)
        return page

    async def _load(self, page: str) -> None:
        """Load the pictures, styles and scripts of a page that this browser has not yet."""
        for place in pages.loaded(page):
            if place not in self.cached:
                kind = "picture" if place.startswith("/media/") else "style, script, icon"
                _page(await self._get(kind, place), is_text=False)
                self.cached.add(place)

    async def _get(self, kind: str, place: str, **headers: str) -> Answer:
        self.doing = kind
        return await self.line.get(kind, place, **headers)

    async def _post(self, kind: str, place: str, form: dict[str, str], **headers: str) -> Answer:
        self.doing = kind
        return await self.line.post(kind, place, form, **headers)

    async def _wait(self, least_s: float, most_s: float, until: asyncio.Event) -> None:
        """Think; not longer than the run goes on."""
        think_s = self.chance.uniform(least_s, most_s) * self.speed
        try:
            await asyncio.wait_for(until.wait(), think_s)
        except TimeoutError:
            return


def _page(answer: Answer, *, is_text: bool = True) -> str:
    """Return what a person sees.

    Raises:
        Refused: they see an error.
    """
    if answer.status != 200:
        raise Refused(f"{answer.status}: {answer.body[:300]!r}")
    return answer.text if is_text else ""
