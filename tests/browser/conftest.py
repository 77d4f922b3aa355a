"""A site, a Chromium, and windows whose every complaint fails the test that opened them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import chromium
from tests.browser.site import Site
from tests.browser.volunteer import Volunteer

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1366, "height": 768}
PATIENCE_MS = 10_000
# No name is looked up: what asks another host gets nothing. Interception would cost the cache.
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

# A browser that keeps nothing for a site, as some do in private windows.
NO_STORAGE = """
Object.defineProperty(window, "indexedDB", {
  get() { throw new DOMException("it is blocked", "SecurityError"); },
});
"""
UNREACHED = ("htmx:sendError", "htmx:timeout", "htmx:afterRequest")
# What Chromium and htmx say of an answer of 400 and above; tests ask for those on purpose.
REFUSALS = ("Failed to load resource", "Response Status Error Code", *UNREACHED)

# Complaints that a console does not show by itself: htmx's own, and a focus that was lost. A page
# that was only looked at has had none, and what such a page asks by itself takes none away.
WATCH = """
document.addEventListener("htmx:oobErrorNoTarget", () => console.error("no target for a part"));
let focused = null;
document.addEventListener("focusin", ({ target }) => { focused = target; });
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (!focused || document.activeElement !== document.body) return;
  const [had, came] = [focused, target].map((each) => each.outerHTML.slice(0, 120));
  console.error(`the focus fell to the body of ${location.pathname}: ${had} had it, ${came} came`);
});
"""


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """A Chromium that starts."""
    return chromium.find_or_install()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for this process's browser tests."""
    with Site(tmp_path_factory.mktemp("site")).running() as running:
        yield running


# Not for the session: while Playwright runs, Django takes this thread for an asynchronous one and
# refuses the database to the tests of other modules.
@pytest.fixture(scope="module")
def browser(browser_path: Path) -> Iterator[Browser]:
    """A running Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=browser_path, args=[*chromium.flags(), NOWHERE]
        )
        yield running
        running.close()


def named(address: str) -> str:
    """Return an address of this machine with its name, which a security key asks for."""
    return address.replace("127.0.0.1", "localhost")


class Windows:
    """The windows of a test, each a new browser, and what was wrong in them."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.browser = browser
        self.site = site
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(self, size: dict[str, int] = DESKTOP, **options: Any) -> Page:
        """Open a window with a browser history of its own."""
        options = {"base_url": self.site.address, "reduced_motion": "reduce"} | options
        context = self.browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH)
        context.on("request", lambda request: self._see(request.url))
        context.on("console", lambda line: self._hear(line.type, line.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context.new_page()

    def volunteer(
        self, size: dict[str, int] = DESKTOP, *, seed: int = 1, **options: Any
    ) -> Volunteer:
        """Seat somebody in front of a new window."""
        return Volunteer(self.open(size, **options), seed)

    def _see(self, url: str) -> None:
        own = (f"{each}/" for each in (self.site.address, named(self.site.address)))
        if not url.startswith((*own, "data:", self.site.report_uri)):
            self.complaints.append(f"a foreign host was asked: {url}")

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(REFUSALS):
            self.complaints.append(text)


@pytest.fixture
def windows(browser: Browser, site: Site) -> Iterator[Windows]:
    """Windows in which nothing may go wrong unseen."""
    site.forget_limits()
    opened = Windows(browser, site)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []
    assert site.reports == []
