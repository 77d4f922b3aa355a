"""make bench-browser: how fast the classify page is on a phone, in Chromium's own emulation."""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Four times slower than this machine, and a slow mobile network: 1.6 Mbit/s, 400 ms.
CPU_SLOWDOWN = 4
NETWORK = {"offline": False, "latency": 400, "downloadThroughput": 2e5, "uploadThroughput": 9e4}
PHONE = {"width": 360, "height": 740}
LOOK_S = 1.5  # nobody answers sooner
ARTIFACT = 3  # the answer that ends the walk at once, by its place
LIMITS = {
    "first galaxy answerable, cold cache": ("ms", 3000.0),
    "first galaxy answerable, warm cache": ("ms", 1200.0),
    "Done to the next galaxy painted, 95 of 100": ("ms", 150.0),
    "longest task": ("ms", 100.0),
    "layout shift": ("", 0.0),
    "the page without pictures": ("kB", 60.0),
}

# What a page notes of itself. Answerable: the picture is there, and an answer can be pressed.
WATCH = """
window.seen = { tasks: [], shift: 0, answerable: 0, painted: [] };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) seen.tasks.push([task.startTime, task.duration]);
}).observe({ type: "longtask", buffered: true });
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) seen.shift += shift.value;
}).observe({ type: "layout-shift", buffered: true });
const isAnswerable = () => {
  const picture = document.querySelector("#task .galaxy img");
  const button = document.querySelector("#task button.answer");
  return picture?.complete && picture.naturalWidth > 0 && button && !button.disabled;
};
const look = () => {
  if (isAnswerable()) seen.answerable = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
// A frame is on the screen when a task runs that was posted from its last callback.
let pressedAt = 0;
addEventListener("click", (event) => {
  if (event.target.closest("form.done")) pressedAt = event.timeStamp;
}, true);
new MutationObserver(() => {
  if (!pressedAt || !isAnswerable()) return;
  const from = pressedAt;
  pressedAt = 0;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => seen.painted.push(performance.now() - from);
    port2.postMessage(0);
  });
}).observe(document, { childList: true, subtree: true });
"""


@dataclass
class Figures:
    """What was measured, each a list of runs.

    Attributes:
        cold, warm, painted: ms.
        tasks: ms of every task longer than 50 ms.
        sizes: bytes over the line.
    """

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    painted: list[float] = field(default_factory=list)
    tasks: list[float] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)


def main() -> None:
    """Measure a site of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=10, help="cold and warm starts")
    parser.add_argument("--galaxies", type=int, default=100, help="that are answered in a row")
    options = parser.parse_args()
    with running_site() as (address, slug):
        figures = measure(f"{address}/c/{slug}/classify/", options.starts, options.galaxies)
    print(table(figures))


@contextmanager
def running_site() -> Iterator[tuple[str, str]]:
    """Run the site of the browser tests; return its address and campaign."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django  # noqa: PLC0415 - the settings come first

    django.setup()
    from tests.browser.site import SLUG, Site  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory(prefix="tuning-fork-bench-") as folder,
        Site(Path(folder)).running() as site,
    ):
        yield site.address, SLUG


def measure(address: str, n_starts: int, n_galaxies: int) -> Figures:
    """Open the page again and again, then classify without a break."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the tests only

    from tests.browser import chromium  # noqa: PLC0415

    figures = Figures()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find_or_install(), args=chromium.flags()
        )
        for _ in range(n_starts):
            context = phone(browser)
            figures.cold.append(start(context, address, figures, is_cold=True))
            figures.warm.append(start(context, address, figures, is_cold=False))
            context.close()
        context = phone(browser)
        classify(context, address, n_galaxies, figures)
        browser.close()
    return figures


def phone(browser: Any) -> Any:
    """Return a browser history of its own, with an empty cache."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.add_init_script(WATCH)
    return context


@dataclass
class Screen:
    """A slow page in the browser's own protocol.

    Playwright looks for elements with a program of its own in the page, which would be measured
    as the page's longest task.
    """

    page: Any
    line: Any
    came: list[tuple[str, float]]  # over the line: kind and bytes

    def open(self, address: str) -> None:
        """Open an address, and wait until two galaxies are ahead."""
        self.page.goto(address)
        self.wait_until("document.body.dataset.ahead === '2'")
        self.page.wait_for_timeout(1000)

    def ask(self, expression: str) -> Any:
        """Return what a JavaScript expression gives."""
        options = {"expression": expression, "returnByValue": True}
        return self.line.send("Runtime.evaluate", options)["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Ask again and again; give up after 30 s."""
        for _ in range(1500):
            if self.ask(expression):
                return
            self.page.wait_for_timeout(20)
        raise TimeoutError(f"it never came true: {expression}")

    def tap(self, selector: str) -> None:
        """Put a finger on an element that can be pressed, and take it away."""
        found = f"[...document.querySelectorAll({selector!r})].at(-1)"
        self.wait_until(f"{found}?.disabled === false")
        here = f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({found}"
        x, y = self.ask(f"{here}.getBoundingClientRect())")
        for kind, points in (("Start", [{"x": x, "y": y}]), ("End", [])):
            event = {"type": f"touch{kind}", "touchPoints": points}
            self.line.send("Input.dispatchTouchEvent", event)


def open_screen(context: Any) -> Screen:
    """Return a page on a slow phone."""
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", NETWORK)
    line.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    kinds: dict[str, str] = {}
    came: list[tuple[str, float]] = []
    line.on("Network.responseReceived", lambda sent: kinds.update({sent["requestId"]: kind(sent)}))
    line.on(
        "Network.loadingFinished",
        lambda sent: came.append((kinds.get(sent["requestId"], ""), sent["encodedDataLength"])),
    )
    return Screen(page, line, came)


def kind(sent: dict[str, Any]) -> str:
    """Say what a response is: a picture, a later page, or part of this one."""
    url, mime = sent["response"]["url"], sent["response"]["mimeType"]
    if "/ahead/" in url or "/questions/" in url:
        return "later"
    return "picture" if mime.startswith("image/") and "svg" not in mime else "page"


def start(context: Any, address: str, figures: Figures, *, is_cold: bool) -> float:
    """Open the classify page and return after how many ms its first galaxy can be answered."""
    screen = open_screen(context)
    screen.open(address)
    seen = screen.ask("seen")
    figures.tasks += [duration for _, duration in seen["tasks"]]
    figures.shifts.append(seen["shift"])
    if is_cold:
        figures.sizes.append(sum(size for what, size in screen.came if what == "page"))
    screen.page.close()
    return float(seen["answerable"])


def classify(context: Any, address: str, n_galaxies: int, figures: Figures) -> None:
    """Classify galaxies one after the other, and note how soon the next one is painted."""
    screen = open_screen(context)
    screen.open(address)
    for number in range(1, n_galaxies + 1):
        screen.page.wait_for_timeout(1000 * LOOK_S)
        screen.tap(f"#task .answers > li:nth-child({ARTIFACT}) button")
        screen.tap("form.done button")
        screen.wait_until(f"seen.painted.length >= {number}")
    screen.page.wait_for_timeout(1000)
    seen = screen.ask("seen")
    figures.painted = seen["painted"]
    figures.tasks += [duration for _, duration in seen["tasks"]]
    figures.shifts.append(seen["shift"])


def table(figures: Figures) -> str:
    """Return the table in Markdown: what was measured and what it must be."""
    painted = sorted(figures.painted)
    measured = [
        (statistics.median(figures.cold), f"{min(figures.cold):.0f} to {max(figures.cold):.0f}"),
        (statistics.median(figures.warm), f"{min(figures.warm):.0f} to {max(figures.warm):.0f}"),
        (
            painted[int(0.95 * len(painted)) - 1],
            f"median {statistics.median(painted):.0f}, most {painted[-1]:.0f}",
        ),
        (max(figures.tasks, default=0.0), f"{len(figures.tasks)} tasks longer than 50 ms"),
        (max(figures.shifts), f"of {len(figures.shifts)} pages"),
        (max(figures.sizes) / 1000, "as it comes over the line"),
    ]
    lines = ["| on the phone | measured | runs | limit |", "| --- | --- | --- | --- |"]
    for (name, (unit, limit)), (value, runs) in zip(LIMITS.items(), measured, strict=True):
        verdict = "" if value <= limit else " **missed**"
        lines.append(f"| {name} | {value:.4g} {unit}{verdict} | {runs} | {limit:g} {unit} |")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join([*lines, "", f"Load of the machine at the end: {load}."])


if __name__ == "__main__":
    main()
