"""Every page for everybody: both themes, small windows, large type, right to left, axe's rules."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP
from tests.browser.site import SLUG

pytestmark = pytest.mark.browser
SMALL = {"width": 320, "height": 640}
SHOTS = {
    "small": SMALL,
    "phone": {"width": 360, "height": 740},
    "tablet": {"width": 768, "height": 1024},
    "desktop": {"width": 1440, "height": 900},
}
ROOM = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
CAMPAIGN = f"/manage/campaigns/{SLUG}/"
VISITORS = [
    "/", f"/c/{SLUG}/classify/", "/my/", "/my/statistics/", "/about/", "/terms/", "/privacy/",
    "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nothing/here/",
]  # fmt: skip
OWNERS = [
    f"/c/{SLUG}/classify/", "/my/", "/my/statistics/", "/my/certificate/", "/profile/",
    "/people/", "/accounts/email/", "/accounts/password/change/", "/manage/campaigns/",
    "/manage/campaigns/new/", "/sets/", "/sets/new/", CAMPAIGN,
    *(
        f"{CAMPAIGN}{part}/"
        for part in [
            "sets", "rule", "texts", "tree", "owners", "insight", "gold", "gold/file", "gold/rate",
            "streams", "people", "models", "models/register", "training", "training/plan",
            "retired", "flagged", "history",
        ]
    ),
]  # fmt: skip
# What changes with theme, width and size of type; the rest is looked at once.
SEEN_RULES = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def complaints(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe finds serious or critical on the page as it stands."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    found = Axe().run(page, options={
        "resultTypes": ["violations"], "runOnly": only, "rules": {"target-size": {"enabled": True}},
    })  # fmt: skip
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def dress(page: Page, *, theme: str, size: dict[str, int], type_size: str = "", dir: str = "ltr"):
    """Change how a page is shown, without asking for it again."""
    page.set_viewport_size(size)
    page.evaluate(
        """([theme, type, dir]) => {
            document.documentElement.dataset.theme = theme;
            document.documentElement.style.fontSize = type;
            document.documentElement.dir = dir;
        }""",
        [theme, type_size, dir],
    )


def wrong_with(page: Page, address: str) -> list[str]:
    """Everything that is wrong with a page, in every dress."""
    page.goto(address)
    dress(page, theme="night", size=DESKTOP)
    found = [f"night, desktop: {each}" for each in complaints(page)]
    for name, options in {
        "paper, 320 px": {"theme": "paper", "size": SMALL},
        "night, 200 %": {"theme": "night", "size": SMALL, "type_size": "200%"},
        "paper, right to left": {"theme": "paper", "size": DESKTOP, "dir": "rtl"},
        "night, right to left, 320 px": {"theme": "night", "size": SMALL, "dir": "rtl"},
    }.items():
        dress(page, **options)
        found += [f"{name}: {each}" for each in complaints(page, SEEN_RULES)]
        if not page.evaluate(ROOM):
            found.append(f"{name}: wider than the window")
    return [f"{address} {each}" for each in found]


@pytest.fixture
def grace(windows, site):
    """An administrator who has classified some galaxies."""
    name = f"grace-{os.getpid()}"
    grace = windows.volunteer(DESKTOP)
    if site.rows("SELECT FROM accounts_user WHERE username = %s", [name]):
        grace.sign_in(name)
        return grace
    grace.sign_up(name)
    site.manage("set_role", name, "admin")
    grace.start()
    grace.classify(3)
    return grace


def test_axe_finds_nothing_on_a_visitors_pages(windows):
    page = windows.open(DESKTOP)
    assert [each for address in VISITORS for each in wrong_with(page, address)] == []


@pytest.mark.parametrize("half", [0, 1])
def test_axe_finds_nothing_on_an_owners_pages(grace, half):
    assert [each for address in OWNERS[half::2] for each in wrong_with(grace.page, address)] == []
