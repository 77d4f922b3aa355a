"""Every page for everybody: both themes, small windows, large type, right to left, axe's rules."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP
from tests.browser.site import SLUG

pytestmark = pytest.mark.browser
SMALL = {"width": 320, "height": 640}
# Half of 1280 px: what is left of a small laptop where everything is shown twice as large.
WIDE_ENOUGH = {"width": 640, "height": 800}
SHOTS = {
    "small": SMALL,
    "phone": {"width": 360, "height": 740},
    "tablet": {"width": 768, "height": 1024},
    "desktop": {"width": 1440, "height": 900},
}
ROOM = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# The elements that reach out of the window, for whoever mends it.
WIDE = """() => [...document.querySelectorAll("main *, header *, footer *")].filter(each => {
    const box = each.getBoundingClientRect();
    const scrolls = each.closest(".site-nav ul, .tabs, .table-frame");
    return box.width && !scrolls && (box.right > innerWidth + 1 || box.left < -1);
}).slice(0, 4).map(each => each.outerHTML.slice(0, 90))"""
CAMPAIGN = f"/manage/campaigns/{SLUG}/"
MISSING = "/nothing/here/"
VISITORS = [
    "/", f"/c/{SLUG}/classify/", "/my/", "/my/statistics/", "/accounts/keys/",
    f"/c/{SLUG}/demo/", "/about/", "/about/terms/", "/about/privacy/",
    "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", MISSING,
]  # fmt: skip
OWNERS = [
    f"/c/{SLUG}/classify/", "/my/", "/my/statistics/", "/my/certificate/", "/accounts/profile/",
    "/my/account/delete/", "/accounts/second-factor/", "/accounts/second-factor/totp/activate/",
    "/people/", "/accounts/email/", "/accounts/password/change/",
    "/manage/", "/manage/new/", "/manage/operations/", "/sets/", "/sets/new/", CAMPAIGN,
    *(
        f"{CAMPAIGN}{part}/"
        for part in [
            "sets", "rule", "texts", "catalog", "tree", "owners", "insight", "gold", "gold/file",
            "gold/rate", "streams", "people", "models", "models/register", "training",
            "training/plan", "retired", "flagged", "history", "answering",
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


def dress(page: Page, *, theme: str, size: dict[str, int], type_size: str = "", way: str = "ltr"):
    """Change how a page is shown, without asking for it again."""
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.evaluate(
        """([theme, type, way]) => {
            document.documentElement.dataset.theme = theme;
            document.documentElement.style.fontSize = type;
            document.documentElement.dir = way;
        }""",
        [theme, type_size, way],
    )


def wrong_with(page: Page, address: str) -> list[str]:
    """Everything that is wrong with a page, in every dress, if this is the page."""
    answer = page.goto(address)
    assert answer
    place = urlsplit(page.url).path
    if answer.status != (404 if address == MISSING else 200) or not place.startswith(address):
        return [f"{address} answers {answer.status} and leads to {place}"]
    return [f"{address} {each}" for each in wrong_now(page)]


def wrong_now(page: Page) -> list[str]:
    """Everything that is wrong with the page as it stands, in every dress."""
    dress(page, theme="night", size=DESKTOP)
    found = [f"night, desktop: {each}" for each in complaints(page)]
    dresses: dict[str, dict[str, Any]] = {
        "paper, 320 px": {"theme": "paper", "size": SMALL},
        "night, 200 %": {"theme": "night", "size": WIDE_ENOUGH, "type_size": "200%"},
        "paper, right to left": {"theme": "paper", "size": DESKTOP, "way": "rtl"},
        "night, right to left, 320 px": {"theme": "night", "size": SMALL, "way": "rtl"},
    }
    for name, options in dresses.items():
        dress(page, **options)
        found += [f"{name}: {each}" for each in complaints(page, SEEN_RULES)]
        if not page.evaluate(ROOM):
            found.append(f"{name}: wider than the window: {page.evaluate(WIDE)}")
    return found


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
    site.rows("UPDATE account_emailaddress SET verified = true RETURNING id")
    grace.start()
    grace.classify(3)
    return grace


def test_axe_finds_nothing_on_a_visitors_pages(windows):
    page = windows.open(DESKTOP)
    assert [each for address in VISITORS for each in wrong_with(page, address)] == []


def test_axe_finds_nothing_with_the_panel_of_the_light_and_the_keys_open(windows):
    ada = windows.volunteer(DESKTOP)
    ada.start()
    ada.page.locator('[data-key="adjust"]').click()
    expect(ada.page.locator("#adjust")).to_be_visible()
    assert wrong_now(ada.page) == []
    ada.page.locator('[data-key="keys"]').click()
    expect(ada.page.locator("#key-list")).to_be_visible()
    assert wrong_now(ada.page) == []


@pytest.mark.parametrize("half", [0, 1])
def test_axe_finds_nothing_on_an_owners_pages(grace, half):
    grace.confirm()
    assert [each for address in OWNERS[half::2] for each in wrong_with(grace.page, address)] == []


SNAPSHOT = Path(__file__).with_name("classifier.txt")


def heard(page: Page) -> str:
    """What a screen reader meets on the classify page, without what differs between galaxies."""
    tree = page.locator("main").aria_snapshot()
    # Whether a galaxy's scale is known depends on what other tests did to the demo's galaxies.
    plain = re.sub(r", field \d+ arcseconds", "", tree)
    return re.sub(r"/(my|c)/[^\s]*", r"/\1/…", plain)


def test_what_a_screen_reader_meets_is_as_reviewed(windows):
    """Write the file anew with SNAPSHOT=1, and read it as somebody who hears it would."""
    ada = windows.volunteer(DESKTOP, seed=3)
    ada.start()
    found = f"{heard(ada.page)}\n\n---\n\n"
    ada.answer(0)
    found += f"{heard(ada.page)}\n"
    if "SNAPSHOT" in os.environ:
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert found == SNAPSHOT.read_text(encoding="utf-8")
    for word in ("votes", "elliptical", "%"):
        assert word not in found


def test_the_focus_is_where_one_goes_on(windows):
    ada = windows.volunteer(DESKTOP)
    ada.start()
    for step in (lambda: ada.answer(1), lambda: ada.answer(1)):
        step()
        expect(ada.question).to_be_focused()
    ada.page.get_by_role("button", name="Back", exact=True).click()
    expect(ada.trail).to_have_count(1)
    expect(ada.question).to_be_focused()
    ada.answer_all()
    ada.press_done()
    expect(ada.page.locator("#galaxy-heading")).to_be_focused()


def test_a_favorite_is_kept_without_leaving_and_the_focus_stays(grace, site):
    page = grace.page
    grace.start()
    grace.answer(1)
    star = page.get_by_role("button", name="Favorite")
    expect(star).to_have_attribute("aria-pressed", "false")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_be_focused()
    expect(grace.trail).to_have_count(1)
    page.reload()
    expect(star).to_have_attribute("aria-pressed", "true")
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "false")
    expect(star).to_be_focused()


def test_a_visitor_who_wants_a_favorite_comes_back_to_the_same_galaxy(windows):
    ada = windows.volunteer(DESKTOP)
    ada.start()
    ada.answer(1)
    place, picture = ada.page.url, ada.picture
    ada.page.get_by_role("button", name="Favorite").click()
    expect(ada.page).to_have_url(re.compile("/accounts/login/"))
    assert ada.page.locator("#main input[name=next]").input_value() in place
    ada.page.goto(place)
    assert ada.picture == picture
    expect(ada.trail).to_have_count(1)


def test_the_session_says_what_the_server_has(windows, site):
    ada = windows.volunteer(DESKTOP)
    ada.start()
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "0")
    ada.classify(2)
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "2")
    counted = site.rows(
        "SELECT count(*) FROM classifications_classification JOIN accounts_volunteer volunteer"
        " ON volunteer.id = volunteer_id WHERE volunteer.uuid = %s",
        [ada.browser_id],
    )
    assert counted == [(2,)]


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_somebody_classifies_in_german(windows, has_script):
    ada = windows.volunteer(DESKTOP, java_script_enabled=has_script)
    ada.page.goto("/my/")
    ada.page.locator(".menu > summary").click()
    ada.page.get_by_role("button", name="Deutsch").click()
    expect(ada.page.get_by_role("heading", name="Meine Galaxien")).to_be_visible()
    ada.page.goto(f"/c/{SLUG}/classify/")
    expect(ada.question).to_have_text(re.compile("Ist die Galaxie einfach glatt"))
    assert ada.page.locator("html").get_attribute("lang") == "de"
    if has_script:
        ada.page.locator('[data-key="zoom-in"]').click()
        expect(ada.page.locator(".zoom-words")).to_have_text(re.compile("^1,2"))
    ada.page.get_by_role("button", name="Stern oder Bildfehler").click()
    expect(ada.trail).to_have_count(1)
    ada.page.get_by_role("button", name="Fertig").click()
    expect(ada.page.get_by_text("Gespeichert: Deine Antwort zählt.").first).to_be_visible()


def test_the_galaxy_is_never_mirrored(windows):
    page = windows.open(DESKTOP)
    page.goto(f"/c/{SLUG}/classify/")
    mirrored = """() => {
        document.documentElement.dir = "rtl";
        const seen = [];
        for (let each = document.querySelector(".galaxy img"); each; each = each.parentElement)
            seen.push(getComputedStyle(each).transform);
        return seen.filter(each => each !== "none");
    }"""
    assert page.evaluate(mirrored) == []


def test_nothing_moves_for_those_who_want_stillness(windows):
    page = windows.open(DESKTOP, reduced_motion="reduce")
    page.goto(f"/c/{SLUG}/classify/")
    moving = """() => [...document.querySelectorAll("*")].filter(each => {
        const style = getComputedStyle(each);
        return style.animationName !== "none"
            || style.transitionDuration.split(",").some(time => parseFloat(time) > 0);
    }).map(each => each.outerHTML.slice(0, 80))"""
    assert page.evaluate(moving) == []


def test_fingers_find_what_they_press(windows):
    page = windows.open(SHOTS["phone"])
    page.goto(f"/c/{SLUG}/classify/")
    heights = page.locator("button.answer").evaluate_all(
        "each => each.map(one => one.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) >= 44


@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="Pictures only for who asks for them.")
@pytest.mark.parametrize("size", SHOTS)
def test_pictures_of_every_page_for_people_to_look_at(grace, site, size):
    folder = Path(os.environ["SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    page = grace.page
    for theme, language, way in [
        ("night", "en", "ltr"),
        ("paper", "de", "ltr"),
        ("night", "de", "rtl"),
    ]:
        page.context.add_cookies([{"name": "language", "value": language, "url": site.address}])
        for address in [
            "/",
            f"/c/{SLUG}/classify/",
            "/my/",
            "/my/statistics/",
            "/my/certificate/",
            CAMPAIGN,
        ]:
            page.goto(address)
            dress(page, theme=theme, size=SHOTS[size], way=way)
            page.wait_for_load_state("networkidle")
            name = re.sub(r"\W+", "-", address).strip("-") or "home"
            page.screenshot(path=folder / f"{name}-{size}-{theme}-{language}-{way}.png")
