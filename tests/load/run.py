"""A run: people for some minutes, then one bot among them, then what its owner does about it."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import place
from tests.faults.place import Place, running, wait_until
from tests.load import processes
from tests.load.bot import Bot
from tests.load.campaign import SLUG
from tests.load.figures import Figures
from tests.load.line import Line
from tests.load.processes import Use
from tests.load.volunteer import PEOPLE, Pace, Person

WITHOUT_SCRIPT, WITH_ACCOUNT = 5, 4  # every so many
BOT_PER_MINUTE = 10_000


@dataclass(frozen=True)
class Plan:
    """How many, how long."""

    n_people: int = 200
    seconds: float = 600.0
    ramp_s: float = 60.0  # within which everybody has come
    bot_s: float = 120.0
    bot_per_minute: int = BOT_PER_MINUTE
    pace: Pace = PEOPLE

    @property
    def n_galaxies(self) -> int:
        """As many as last for the run, at ten votes each."""
        return 1000 + round(self.n_people * (self.seconds + self.bot_s) / 60)


@dataclass
class Ran:
    """What a run has shown."""

    plan: Plan
    people: Figures
    with_bot: Figures
    bot: Figures
    holder: str
    uses: list[tuple[str, Use]] = field(default_factory=list)
    took_s: float = 0.0


@contextlib.contextmanager
def site(folder: Path, plan: Plan, **more: str) -> Iterator[tuple[Place, int]]:
    """Run a site as `make run` does, in a folder of its own, with more of its settings.

    Yields:
        The site, and the process id of its supervisor.
    """
    made = Place(folder / "var", place.free_port(), {"TRAINER": "false"} | more)
    (made.var / "log").mkdir(parents=True)
    place.begin_migrated(made.var)
    n_accounts = plan.n_people // WITH_ACCOUNT + 1
    done = made.run("-m", "tests.load.campaign", str(plan.n_galaxies), str(n_accounts))
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "webapp.supervisor"]
    with running(made, command, "supervisor", ends_by=signal.SIGINT) as process:
        wait_until(lambda: is_up(made), process, "the first page")
        yield made, process.pid


def is_up(site: Place) -> bool:
    """Whether the site answers, and its workers have spoken."""
    from webapp.supervisor import listens  # noqa: PLC0415 - Django need not be set up

    if not listens(site.port):
        return False
    return site.sql("SELECT count(DISTINCT kind) FROM common_process") == [(3,)]


async def load(site: Place, supervisor: int, plan: Plan) -> Ran:
    """Let people classify, and look at the processes while they do."""
    await _warm_up(site)
    figures, until = Figures(), asyncio.Event()
    crowd = [
        asyncio.create_task(person.stay(plan.ramp_s * number / plan.n_people, until))
        for number, person in enumerate(_people(site, plan, figures))
    ]
    uses, started_s = [], time.monotonic()
    for name, at_s in (
        ("start", plan.ramp_s),
        ("middle", (plan.ramp_s + plan.seconds) / 2),
        ("end", plan.seconds),
    ):
        await asyncio.sleep(started_s + at_s - time.monotonic())
        uses.append((name, processes.measure(supervisor)))
    took_s, people = time.monotonic() - started_s, figures.next_part()
    bot = Bot(site.port, SLUG, plan.bot_per_minute, Figures())
    await bot.send(plan.bot_s)
    uses.append(("bot's end", processes.measure(supervisor)))
    with_bot = figures.next_part()
    until.set()
    await asyncio.gather(*crowd)
    with_bot.errors += figures.errors
    return Ran(plan, people, with_bot, bot.figures, bot.holder, uses, took_s)


async def _warm_up(site: Place) -> None:
    """Let each web process load what its first pages need; nobody measures that."""
    visitors = [Line(site.port, Figures()) for _ in range(8)]
    for page in ("/", f"/c/{SLUG}/", f"/c/{SLUG}/classify/", "/accounts/login/"):
        await asyncio.gather(*(visitor.get("", page) for visitor in visitors))
    for visitor in visitors:
        visitor.close()


def _people(site: Place, plan: Plan, figures: Figures) -> Iterator[Person]:
    for number in range(plan.n_people):
        yield Person(
            Line(site.port, figures, 1 + number), SLUG, plan.pace,
            has_script=number % WITHOUT_SCRIPT != 0,
            account="" if number % WITH_ACCOUNT else f"person-{number // WITH_ACCOUNT}",
        )  # fmt: skip
