"""The galaxy's picture under the hands: zoom, pan, turn, light; kept, stored, never in the way."""

import hashlib
import json
import math
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import SLUG

pytestmark = pytest.mark.browser
VIEW = "SELECT view FROM classifications_classification WHERE uuid = %s"
IDENTITY = [1, 0, 0, 1, 0, 0]

MATRIX = """() => {
    const given = getComputedStyle(document.querySelector(".galaxy img")).transform;
    const { a, b, c, d, e, f } = new DOMMatrix(given);
    return [a, b, c, d, e, f].map(each => Math.round(each * 1e6) / 1e6 + 0);
}"""
# The place on the picture, in pixels from its center before any change, that lies at (x, y).
SKY_AT = """([x, y]) => {
    const picture = document.querySelector(".galaxy img");
    const box = picture.parentElement.getBoundingClientRect();
    const there = new DOMMatrix(getComputedStyle(picture).transform).inverse().transformPoint(
        { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 });
    return [there.x, there.y];
}"""


def tool(page: Page, name: str) -> Locator:
    return page.locator(f'.viewer [data-key="{name}"]')


def matrix(page: Page) -> list[float]:
    """What is done with the picture: a, b, c, d, and how far it is moved, px."""
    return list(page.evaluate(MATRIX))


def zoom(page: Page) -> float:
    a, b, *_ = matrix(page)
    return float((a * a + b * b) ** 0.5)


def side(page: Page) -> float:
    box = page.locator(".galaxy").bounding_box()
    assert box
    return float(box["width"])


def press(page: Page, name: str, times: int = 1) -> None:
    for _ in range(times):
        tool(page, name).click()


@pytest.fixture
def ada(windows):
    ada = windows.volunteer(DESKTOP)
    ada.start()
    return ada


def light(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.querySelector('.galaxy img')).filter"))


def test_buttons_zoom_in_steps_and_back(ada):
    page = ada.page
    press(page, "zoom-in", 5)
    assert zoom(page) == pytest.approx(1.2**5, abs=1e-5)
    expect(page.locator(".zoom-words")).to_have_text(re.compile("^2.5"))
    press(page, "zoom-out", 2)
    assert zoom(page) == pytest.approx(1.2**3, abs=1e-5)
    press(page, "zoom-reset")
    assert matrix(page) == IDENTITY


def test_zoom_stays_between_1_and_16(ada):
    page = ada.page
    press(page, "zoom-out", 3)
    assert zoom(page) == 1
    press(page, "zoom-in", 20)
    assert zoom(page) == pytest.approx(16)
    press(page, "zoom-out", 20)
    assert matrix(page) == IDENTITY


def test_the_wheel_with_ctrl_zooms_about_the_cursor(ada):
    page = ada.page
    box = page.locator(".galaxy").bounding_box()
    # A whole pixel, as a mouse is at and as the event says.
    cursor = [round(box["x"] + 0.7 * box["width"]), round(box["y"] + 0.2 * box["height"])]
    before = page.evaluate(SKY_AT, cursor)
    page.mouse.move(*cursor)
    page.keyboard.down("Control")
    for step in range(1, 8):
        page.mouse.wheel(0, -100)
        has_zoomed = "n => document.querySelector('.galaxy').dataset.zoom > n"
        page.wait_for_function(has_zoomed, arg=1.2**step - 0.01)
        now = page.evaluate(SKY_AT, cursor)
        moved_px = max(abs(a - b) for a, b in zip(before, now, strict=True)) * zoom(page)
        assert moved_px < 1
    assert page.evaluate("visualViewport.scale") == 1
    assert zoom(page) == pytest.approx(1.2**7, abs=1e-4)


def test_a_plain_wheel_scrolls_the_page(windows):
    ada = windows.volunteer({"width": 800, "height": 400})
    ada.start()
    ada.page.locator(".galaxy").hover()
    ada.page.mouse.wheel(0, 100)
    ada.page.wait_for_function("() => scrollY > 0")
    assert zoom(ada.page) == 1


MOVES = {"pan-left": (1, 0), "pan-right": (-1, 0), "pan-up": (0, 1), "pan-down": (0, -1)}


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_pan_buttons_move_a_tenth_of_the_view_at_every_rotation(ada, quarters):
    page = ada.page
    press(page, "zoom-in", 6)  # 3 times
    press(page, "rotate-right", quarters)
    for name, (x, y) in MOVES.items():
        before = matrix(page)
        press(page, name)
        now = matrix(page)
        tenth = side(page) / 10
        assert now[4] - before[4] == pytest.approx(x * tenth, abs=0.01)
        assert now[5] - before[5] == pytest.approx(y * tenth, abs=0.01)


def test_the_picture_always_fills_the_view(ada):
    page = ada.page
    expect(tool(page, "pan-left")).to_be_hidden()  # nothing lies beyond
    press(page, "zoom-in", 2)
    press(page, "pan-right", 10)
    picture, view = (page.locator(each).bounding_box() for each in (".galaxy img", ".galaxy"))
    assert picture["x"] + picture["width"] == pytest.approx(view["x"] + view["width"], abs=0.1)


def test_dragging_moves_the_picture_with_the_pointer(ada):
    page = ada.page
    press(page, "zoom-in", 6)
    box = page.locator(".galaxy").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 40, steps=3)
    page.mouse.up()
    page.mouse.move(x, y)  # no longer dragged
    assert matrix(page)[4:] == pytest.approx([60, -40], abs=0.5)


@pytest.mark.parametrize(("name", "sine"), [("rotate-right", 1), ("rotate-left", -1)])
def test_four_turns_are_none(ada, name, sine):
    page = ada.page
    press(page, name)
    assert matrix(page) == [0, sine, -sine, 0, 0, 0]
    press(page, name, 3)
    assert matrix(page) == IDENTITY


def test_what_is_in_the_middle_stays_there_when_turned(ada):
    page = ada.page
    press(page, "zoom-in", 4)
    press(page, "pan-right", 2)
    press(page, "pan-up")
    box = page.locator(".galaxy").bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    before = page.evaluate(SKY_AT, middle)
    press(page, "rotate-left")
    assert page.evaluate(SKY_AT, middle) == pytest.approx(before, abs=0.1)


def adjust(page: Page, **values: str) -> None:
    """Set sliders and lists by their names."""
    if tool(page, "adjust").get_attribute("aria-expanded") != "true":
        press(page, "adjust")
    for name, value in values.items():
        field = page.locator(f'.adjust [name="{name}"]')
        if name == "stretch":
            field.select_option(value)
        else:
            field.fill(value)


def test_light_is_kept_for_the_next_galaxy_until_reset(ada, site):
    page = ada.page
    press(page, "invert")
    adjust(page, brightness="130", contrast="120")
    ada.answer_all()
    stored = ada.handout
    ada.press_done()

    assert light(page) == "brightness(1.3) contrast(1.2) invert(1)"
    expect(tool(page, "invert")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Brightness")).to_have_value("130")
    assert site.rows(VIEW, [stored]) == [({"invert": True, "brightness": 130, "contrast": 120},)]
    tool(page, "reset-view").click()
    assert light(page) == "none"
    expect(tool(page, "reset-view")).to_be_hidden()
    assert page.evaluate("document.activeElement !== document.body")
    ada.answer_all()
    ada.press_done()
    assert light(page) == "none"


def test_light_is_not_kept_by_who_wants_each_as_it_came(ada):
    page = ada.page
    adjust(page, brightness="130")
    page.get_by_label("Keep for the next galaxy").uncheck()
    assert light(page) == "brightness(1.3)"
    ada.answer_all()
    ada.press_done()
    assert light(page) == "none"
    expect(page.get_by_label("Keep for the next galaxy")).not_to_be_checked()


def test_zoom_and_turn_are_stored_and_the_next_galaxy_is_whole(ada, site):
    page = ada.page
    press(page, "zoom-in", 2)
    press(page, "rotate-left")
    ada.answer_all()
    stored = ada.handout
    ada.press_done()
    assert site.rows(VIEW, [stored]) == [({"zoom": 1.44, "rotation": 270},)]
    assert matrix(page) == IDENTITY


def test_an_untouched_picture_is_stored_as_such_and_with_its_times(ada, site):
    ada.answer_all()
    stored = ada.handout
    ada.press_done()
    in_order = VIEW.replace("view", "view, client_started_at < client_finished_at", 1)
    assert site.rows(in_order, [stored]) == [({}, True)]


@pytest.mark.parametrize(
    "change",
    [
        {"brightness": "160"},
        {"contrast": "200"},
        {"stretch": "sqrt"},
        {"stretch": "asinh"},
        {"stretch": "square"},
    ],
    ids=lambda change: "-".join(map(str, *change.items())),
)
def test_light_changes_the_pixels_and_not_the_file(ada, change):
    page, picture = ada.page, ada.picture
    adjust(page)
    before, file = middle(page), sha256_of(page, picture)
    adjust(page, **change)
    assert middle(page) != before
    assert ada.picture == picture
    assert sha256_of(page, picture) == file
    assert file in picture  # named by its content, as its ETag would be
    adjust(page, **{name: "" if name == "stretch" else "100" for name in change})
    assert middle(page) == before


def middle(page: Page) -> bytes:
    """The pixels that are shown around the middle of the picture, where nothing lies over it."""
    box = page.locator(".galaxy").bounding_box()
    assert box
    width = box["width"] / 2
    return page.screenshot(
        clip={"x": box["x"] + width / 2, "y": box["y"] + width / 2, "width": width, "height": width}
    )


def sha256_of(page: Page, address: str) -> str:
    """Of the file that the server has, past every cache of the browser."""
    return hashlib.sha256(page.request.get(address).body()).hexdigest()


SCALE = "SELECT pixel_scale_arcsec, north_deg, is_mirrored FROM subjects_subject WHERE id = %s"
SET_SCALE = (
    "UPDATE subjects_subject SET (pixel_scale_arcsec, north_deg, is_mirrored) = (%s, %s, %s)"
    " WHERE id = %s RETURNING width_px"
)


@pytest.fixture
def measured(ada, site):
    """Give the galaxy on the page a place on the sky, and take it away again."""
    handout = "SELECT subject_id FROM classifications_handout WHERE uuid = %s"
    subject = site.rows(handout, [ada.handout])[0][0]
    before = site.rows(SCALE, [subject])[0]

    def measure(arcsec: float | None, north_deg: float | None = None, east: str = "left"):
        values = [arcsec, north_deg, east == "right", subject]
        width = site.rows(SET_SCALE, values)[0][0]
        ada.page.reload()
        return width

    yield measure
    site.rows(SET_SCALE, [*before, subject])


def bar_px(page: Page) -> float:
    box = page.locator(".scale-bar").bounding_box()
    assert box
    return float(box["width"])


def test_the_scale_bar_is_as_long_as_it_says(ada, measured):
    page = ada.page
    width_px = measured(0.262)
    assert width_px == 424
    page.set_viewport_size({"width": 424, "height": 900})
    page.set_viewport_size({"width": 848 - round(side(page)), "height": 900})  # room for its bar
    assert side(page) == width_px  # a pixel of the picture is one of the page
    expect(page.locator(".scale-bar")).to_have_text("10″")
    assert bar_px(page) == pytest.approx(38.2, abs=1)
    for _ in range(4):
        press(page, "zoom-in")
        words = page.locator(".scale-bar").inner_text()
        assert bar_px(page) == pytest.approx(float(words[:-1]) / 0.262 * zoom(page), abs=0.1)


def test_the_scale_bar_doubles_at_twice_the_zoom(ada, measured):
    page = ada.page
    measured(0.262)
    before, words = bar_px(page), page.locator(".scale-bar").inner_text()
    box = page.locator(".galaxy").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.keyboard.down("Control")
    for delta in (-100, -100, -100, -100 * (math.log(2, 1.2) - 3)):
        page.mouse.wheel(0, delta)
    page.wait_for_function("() => document.querySelector('.galaxy').dataset.zoom > 1.99")
    assert zoom(page) == pytest.approx(2, abs=0.01)
    assert bar_px(page) == pytest.approx(2 * before, rel=0.01)
    expect(page.locator(".scale-bar")).to_have_text(words)


@pytest.mark.parametrize(
    ("arcsec", "unit"), [(0.002, "″"), (0.262, "″"), (3.0, "\N{PRIME}"), (100.0, "°")]
)
def test_lengths_are_round_at_every_scale_and_zoom(ada, measured, arcsec, unit):
    page = ada.page
    measured(arcsec)
    seen = set()
    for _ in range(15):
        said = page.locator(".scale-bar").inner_text()
        seen.add(said[-1])
        assert re.fullmatch(r"0?\.?0*[125]0*", said[:-1]), said
        assert 0.04 * side(page) < bar_px(page) <= 0.4 * side(page)
        press(page, "zoom-in")
    assert unit in seen


def arrows(page: Page) -> dict[str, list[float]]:
    """Where the letters lie from the compass's middle: x to the right, y down."""
    place = "letter => ['x', 'y'].map(axis => +letter.getAttribute(axis))"
    names = ("north", "east")
    return {name: page.locator(f".compass-{name}").evaluate(place) for name in names}


def test_north_and_east_turn_with_the_picture(ada, measured):
    page = ada.page
    measured(0.262, 0.0)
    assert arrows(page) == {"north": [0, -22], "east": [-22, 0]}
    press(page, "rotate-right")
    assert arrows(page) == {"north": [22, 0], "east": [0, -22]}
    measured(0.262, 90.0)  # north to the left: counterclockwise from up
    assert arrows(page) == {"north": [-22, 0], "east": [0, 22]}
    measured(0.262, 0.0, "right")
    assert arrows(page) == {"north": [0, -22], "east": [22, 0]}
    page.evaluate("document.documentElement.dir = 'rtl'")
    press(page, "rotate-left")
    assert arrows(page) == {"north": [-22, 0], "east": [0, -22]}


def test_what_is_not_known_is_not_drawn(ada, measured):
    measured(None)
    press(ada.page, "zoom-in")
    expect(ada.page.locator(".scale-bar")).to_be_hidden()
    expect(ada.page.locator(".compass")).to_be_hidden()


def test_answers_wait_for_the_picture(windows, site):
    ada = windows.volunteer(DESKTOP)
    waiting: list[Route] = []

    def wait(route: Route) -> None:
        waiting.append(route)

    ada.page.route("**/display/**", wait)
    ada.page.goto(f"/c/{SLUG}/classify/", wait_until="domcontentloaded")
    expect(ada.page.locator("#task")).to_have_attribute("data-waiting", "")
    for button in (*ada.answers.all(), ada.done):
        expect(button).to_be_disabled()
    expect(ada.page.get_by_text("The picture is on its way")).to_be_visible()
    ada.page.wait_for_timeout(1500)

    began_at = datetime.now(UTC)
    waiting[0].continue_()

    expect(ada.answers.first).to_be_enabled()
    expect(ada.done).to_be_disabled()  # as before: nothing is answered
    expect(ada.page.locator("#task[data-waiting]")).to_have_count(0)
    ada.answer_all()
    stored = ada.handout
    ada.page.unroute("**/display/**")
    ada.press_done()
    started = VIEW.replace("view", "client_started_at", 1)
    took_s = (site.rows(started, [stored])[0][0] - began_at).total_seconds()
    assert 0 <= took_s < 1.4


def test_a_broken_picture_is_said_and_can_be_tried_again(windows):
    ada = windows.volunteer(DESKTOP)
    ada.page.route("**/display/**", lambda route: route.fulfill(status=404))
    ada.page.goto(f"/c/{SLUG}/classify/")
    broken = ada.page.locator(".broken")
    expect(broken).to_be_visible()
    expect(ada.page.get_by_role("alert").filter(has=broken)).to_have_count(1)
    expect(broken).to_contain_text("did not arrive")
    expect(ada.answers.first).to_be_disabled()
    expect(ada.question).to_be_visible()

    again = broken.get_by_role("button", name="Try again")
    again.click()
    expect(broken).to_be_visible()
    ada.page.unroute("**/display/**")
    again.click()
    expect(broken).to_be_hidden()
    expect(ada.question).to_be_focused()
    ada.answer_all()
    ada.press_done()


def test_who_has_a_broken_picture_can_go_on_with_another(windows, site):
    ada = windows.volunteer(DESKTOP)
    ada.page.route("**/display/**", lambda route: route.fulfill(status=404))
    ada.page.goto(f"/c/{SLUG}/classify/")
    before = ada.picture
    ada.page.unroute("**/display/**")
    ada.page.locator(".broken").get_by_role("button", name="Skip this galaxy").click()
    expect(ada.answers.first).to_be_enabled()
    assert ada.picture != before
    given = (
        "SELECT count(*) FROM classifications_classification JOIN accounts_volunteer volunteer"
        " ON volunteer.id = volunteer_id WHERE volunteer.uuid = %s"
    )
    assert site.rows(given, [ada.browser_id]) == [(0,)]
    passed = "SELECT is_report FROM classifications_passed WHERE holder = %s"
    assert site.rows(passed, [ada.browser_id]) == [(False,)]


def pinch(page: Page, steps: list[tuple[float, float]]) -> None:
    """Two fingers beside each other around the picture's middle, this far apart, px."""
    box = page.locator(".galaxy").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for number, (left, right) in enumerate(steps):
        session.send("Input.dispatchTouchEvent", {
            "type": "touchMove" if number else "touchStart",
            "touchPoints": [{"x": x - left, "y": y, "id": 0}, {"x": x + right, "y": y, "id": 1}],
        })  # fmt: skip
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_pinch_zooms_the_picture_and_not_the_page(windows):
    ada = windows.volunteer(PHONE, has_touch=True, is_mobile=True)
    ada.start()
    page = ada.page
    pinch(page, [(30, 30), (45, 45), (60, 60), (90, 90)])
    assert zoom(page) == pytest.approx(3, rel=0.02)
    assert matrix(page)[4:] == pytest.approx([0, 0], abs=2)
    assert page.evaluate("visualViewport.scale") == 1
    viewport = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "user-scalable" not in viewport
    assert "maximum-scale" not in viewport
    pinch(page, [(90, 90), (20, 20)])
    assert matrix(page) == IDENTITY


def test_full_screen_leaves_picture_and_answers(ada):
    page = ada.page
    before = side(page)
    press(page, "full-screen")
    page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    expect(page.locator(".site-header")).to_be_hidden()
    expect(ada.answers.first).to_be_visible()
    assert side(page) > before
    press(page, "full-screen")
    page.wait_for_function("() => !document.fullscreenElement")


def test_tools_are_named_and_large_enough(ada):
    page = ada.page
    press(page, "zoom-in")
    for button in page.locator(".viewer button:visible").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 24
        assert button.get_attribute("aria-label") or button.inner_text().strip()


def test_nothing_moves_when_the_tools_are_used(ada):
    page = ada.page
    places = """() => [".question", "button.answer", ".tools", ".galaxy"].map(
        each => JSON.stringify(document.querySelector(each).getBoundingClientRect()))"""
    before = page.evaluate(places)
    for name in ("zoom-in", "pan-left", "rotate-left", "invert", "adjust"):
        press(page, name)
        assert page.evaluate(places) == before


def test_without_a_script_there_are_no_tools(windows):
    ada = windows.volunteer(java_script_enabled=False)
    ada.start()
    expect(ada.page.locator(".tools")).to_be_hidden()
    expect(ada.page.locator(".broken")).to_be_hidden()
    expect(ada.page.get_by_text("on its way")).to_be_hidden()
    expect(ada.answers.first).to_be_enabled()


@pytest.fixture
def banded(ada, site):
    """The galaxy on the page with two further renderings, which are other galaxies' pictures."""
    handout = "SELECT subject_id FROM classifications_handout WHERE uuid = %s"
    subject = site.rows(handout, [ada.handout])[0][0]
    others = site.rows(
        "SELECT display_sha256 FROM subjects_subject WHERE id <> %s ORDER BY id LIMIT 2", [subject]
    )
    given = [[name, sha256] for name, (sha256,) in zip(("g", "r"), others, strict=True)]
    setting = "UPDATE subjects_subject SET bands = %s::jsonb WHERE id = %s RETURNING id"
    site.rows(setting, [json.dumps(given), subject])
    ada.page.reload()
    yield ada
    site.rows(setting, [None, subject])


def test_bands_are_cycled_said_timed_and_stored(banded, site):
    page = banded.page
    color, status = banded.picture, page.locator(".viewer [role=status]")
    words = page.locator(".band-words")
    expect(words).to_have_text("color")
    seen = []
    for name in ("g", "r", "color", "g"):
        page.wait_for_timeout(250)
        press(page, "band")
        expect(words).to_have_text(name)
        seen.append(banded.picture)
        expect(banded.answers.first).to_be_enabled()
    expect(status).to_have_text("Band g, 2 of 3")
    assert seen[2] == color
    assert len({color, *seen}) == 3
    banded.answer_all()
    stored = banded.handout
    banded.press_done()

    view = site.rows(VIEW, [stored])[0][0]
    assert view["band"] == "g"
    assert view["seconds"].keys() == {"color", "g", "r"}
    assert all(0.2 <= each < 30 for each in view["seconds"].values()), view


def test_a_band_that_does_not_arrive_is_said_and_the_picture_stays(banded):
    page = banded.page
    before = banded.picture
    page.route("**/display/**", lambda route: route.fulfill(status=404))
    adjust(page)
    page.locator(".adjust [name=band]").select_option("r")
    expect(page.locator(".viewer [role=status]")).to_have_text("The band r did not arrive.")
    assert banded.picture == before
    expect(page.locator(".adjust [name=band]")).to_have_value("color")
    expect(page.locator(".broken")).to_be_hidden()


def test_a_galaxy_of_one_picture_has_no_bands(ada):
    expect(tool(ada.page, "band")).to_have_count(0)
    adjust(ada.page)
    expect(ada.page.locator(".adjust [name=band]")).to_have_count(0)
