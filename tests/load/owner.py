"""What the campaign's owner does about the bot: finds it, excludes it, takes it back."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from tests.faults.place import Place
from tests.load import pages
from tests.load.campaign import OWNER, SLUG
from tests.load.figures import Figures
from tests.load.line import Line, Refused
from tests.load.volunteer import PASSWORD

PEOPLE = f"/manage/campaigns/{SLUG}/people/"
WITHIN_S = 120.0


@dataclass(frozen=True)
class Decided:
    """What became of the bot's answers.

    Attributes:
        n_counted: before, while it was excluded, and after it was taken back.
        took_s: until all had followed, of both decisions.
    """

    words: str
    n_stored: int
    n_counted: tuple[int, int, int]
    took_s: tuple[float, float]


async def decide(site: Place, holder: str) -> Decided:
    """Exclude a volunteer over the owner's pages, and take it back.

    Raises:
        Refused: they are not on the owner's list, or a page is not as it should be.
    """
    with contextlib.closing(Line(site.port, Figures())) as line:
        await _sign_in(line)
        pk, words = _suspicion(site, holder)
        before = _counted(site, holder)
        excluding_s = await _say(line, site, holder, f"{PEOPLE}{pk}/exclude/", goal=0)
        site.assert_recount_agrees()
        excluded = _counted(site, holder)
        keeping_s = await _say(line, site, holder, f"{PEOPLE}{pk}/keep/", goal=before)
        site.assert_recount_agrees()
    return Decided(
        words, _stored(site, holder), (before, excluded, _counted(site, holder)),
        (excluding_s, keeping_s),
    )  # fmt: skip


async def _sign_in(line: Line) -> None:
    page = (await line.get("", "/accounts/login/")).text
    form = next(form for form in pages.forms(page) if "login" in form.action)
    given = form.hidden() | {"login": OWNER, "password": PASSWORD}
    if (answer := await line.post("", form.action, given)).status != 302:
        raise Refused(f"the owner's signing in answered {answer.status}")


async def _say(line: Line, site: Place, holder: str, place: str, *, goal: int) -> float:
    """Send one of the owner's decisions; return the seconds until all answers have followed."""
    if place not in (await line.get("", f"{PEOPLE}?status={_status(site, holder)}")).text:
        raise Refused(f"the owner's list does not lead to {place}")
    form = next(
        form for form in pages.forms((await line.get("", place)).text) if form.action == place
    )
    started_s = time.monotonic()
    answer = await line.post("", place, form.hidden() | {"reason": "ten thousand a minute"})
    if answer.status != 302:
        raise Refused(f"{place} answered {answer.status}")
    while _counted(site, holder) != goal:
        if time.monotonic() - started_s > WITHIN_S:
            raise Refused(f"{_counted(site, holder)} answers count, not {goal}")
        await asyncio.sleep(0.1)
    return time.monotonic() - started_s


_OF = "JOIN accounts_volunteer volunteer ON volunteer.id = volunteer_id WHERE volunteer.uuid = %s"


def _suspicion(site: Place, holder: str) -> tuple[int, str]:
    rows = site.sql(f"SELECT s.id, s.words FROM classifications_suspicion s {_OF}", [holder])
    if len(rows) != 1:
        raise Refused("the bot was not raised")
    return rows[0][0], rows[0][1]


def _status(site: Place, holder: str) -> str:
    ((status,),) = site.sql(f"SELECT status FROM classifications_suspicion {_OF}", [holder])
    return str(status)


def _counted(site: Place, holder: str) -> int:
    query = f"SELECT count(*) FILTER (WHERE state = 'counted') FROM classifications_standing {_OF}"
    return int(site.sql(query, [holder])[0][0])


def _stored(site: Place, holder: str) -> int:
    query = f"SELECT count(*) FROM classifications_classification {_OF}"
    return int(site.sql(query, [holder])[0][0])
