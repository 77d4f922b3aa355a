"""A person classifies and an operator looks on while database, broker and workers are killed."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bench.site import free_port
from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.browser.site import SLUG, collecting
from tests.browser.test_queue import answer_and_note, ready
from tests.browser.volunteer import Volunteer
from tests.faults import brokers, place
from tests.faults.forms import long_form
from tests.faults.place import Place

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.slow]
KILLED = ["database", "broker", "worker", "worker child", "web child", "beat"]
STORED = "SELECT uuid::text, count(*) FROM classifications_classification GROUP BY 1"
PATIENCE_MS = 60_000  # the first pages of new processes, on a loaded machine
CHANCE = random.Random(1936)


@dataclass
class Whole:
    """A site as `make run` starts it, with everything that it needs of a browser's."""

    place: Place
    supervisor: subprocess.Popen[bytes]
    broker: brokers.Broker
    report_uri: str
    reports: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.place.port}"

    def kill(self, kind: str) -> None:
        """Kill one process of a kind, as soon as there is one."""
        if kind == "broker":
            self.broker.kill()
        else:
            place.wait_until(partial(self._kill_process, kind), self.supervisor, kind)

    def _kill_process(self, kind: str) -> bool:
        pids = place.parts(self.supervisor.pid).get(kind, [])
        if pids:
            os.kill(CHANCE.choice(pids), signal.SIGKILL)
        return bool(pids)

    def manage(self, *command: str) -> str:
        """Run one of Django's commands to its end."""
        done = self.place.run("manage.py", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Whole]:
    with brokers.running(tmp_path) as broker, collecting([]) as uri:
        more = {"CSP_REPORT_URI": uri, "BEAT_EVERY_S": "2", **broker.environment}
        here = Place(tmp_path / "var", free_port(), more)
        (here.var / "log").mkdir(parents=True)
        with place.whole_site(here, within_s=300) as supervisor:
            yield Whole(here, supervisor, broker, uri)


@pytest.fixture
def windows(browser: Browser, site: Whole) -> Iterator[Windows]:
    opened = Windows(browser, site)  # type: ignore[arg-type]
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []
    assert site.reports == []


def operator(windows: Windows, site: Whole) -> Page:
    """Seat an administrator before the page Operations."""
    vera = windows.volunteer(DESKTOP)
    vera.page.set_default_timeout(PATIENCE_MS)
    vera.sign_up("vera")
    site.manage("set_role", "vera", "admin")
    vera.page.goto("/manage/operations/")
    return vera.page


def picture(name: str, ada: Volunteer, operations: Page) -> None:
    """For people to look at, where somebody asks for it."""
    if folder := os.environ.get("SCREENSHOTS"):
        ada.page.screenshot(path=Path(folder) / f"killed-{name}-classify.png")
        operations.screenshot(path=Path(folder) / f"killed-{name}-operations.png", full_page=True)


@long_form
def test_nobody_loses_an_answer_and_the_operator_sees_all_come_back(windows, site):
    operations = operator(windows, site)
    ada = windows.volunteer(PHONE)
    ada.page.set_default_timeout(PATIENCE_MS)
    ada.page.goto(f"/c/{SLUG}/classify/")
    ada.see_first()
    given = []
    for kind in KILLED:
        ready(ada)
        site.kill(kind)
        given += answer_and_note(ada, 4)  # two are here, and two have to come from the site
        picture(kind.replace(" ", "-"), ada, operations)
    ada.wait_until_saved()

    assert {name: n for name, n in site.place.sql(STORED) if name in given} == dict.fromkeys(
        given, 1
    )
    site.place.assert_recount_agrees()
    for process in ("worker", "beat"):
        pids = partial(lambda kind: place.parts(site.supervisor.pid).get(kind), process)
        place.wait_until(pids, site.supervisor, process)
    expect(operations.locator("#alert")).to_be_empty(timeout=PATIENCE_MS)
    expect(operations.locator("#running")).not_to_contain_text("silent", timeout=120_000)
    picture("after", ada, operations)
