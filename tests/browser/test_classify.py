"""The classify page in use: reload, Back, two tabs, double clicks, focus, names, size."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import SLUG
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser

SIZES = {
    "small-phone": {"width": 360, "height": 640},
    "phone": PHONE,
    "tablet": {"width": 768, "height": 1024},
    "desktop": DESKTOP,
    "large": {"width": 1920, "height": 1080},
}
ANSWERED = "SELECT count(*) FROM classifications_classification WHERE uuid = %s"
TO_SPIRAL = (1, 1, 0, 0)  # featured, not edge-on, a bar, a spiral: tightness and arms wait


def words(person: Volunteer) -> str:
    return person.question.inner_text()


def is_inside(page: Page, selector: str) -> bool:
    """Whether the first such element is in the window as a whole, without scrolling."""
    box, size = page.locator(selector).first.bounding_box(), page.viewport_size
    assert box
    assert size
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    # Half a pixel: boxes are fractions, the window is not.
    fits = right <= size["width"] + 0.5 and bottom <= size["height"] + 0.5
    return box["x"] >= 0 and box["y"] >= 0 and fits


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_a_reload_keeps_galaxy_and_answers(windows, has_script):
    ada = windows.volunteer(java_script_enabled=has_script)
    ada.start()
    ada.answer(1)
    ada.answer(1)
    before = (ada.picture, ada.handout, words(ada), ada.trail.all_inner_texts())

    ada.page.reload()

    assert before == (ada.picture, ada.handout, words(ada), ada.trail.all_inner_texts())
    assert len(before[3]) == 2


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_browser_back_is_one_question_back(windows, has_script):
    ada = windows.volunteer(java_script_enabled=has_script)
    ada.start()
    picture, first = ada.picture, words(ada)
    ada.answer(1)
    second = words(ada)
    ada.answer(1)

    ada.page.go_back()
    expect(ada.question).to_have_text(second)
    expect(ada.trail).to_have_count(1)
    ada.page.go_back()
    expect(ada.question).to_have_text(first)
    expect(ada.trail).to_have_count(0)
    ada.page.go_forward()
    expect(ada.question).to_have_text(second)
    assert ada.picture == picture


def test_back_after_done_does_not_answer_again(windows, site):
    ada = windows.volunteer()
    ada.start()
    ada.answer_all()
    stored = ada.handout
    ada.press_done()

    ada.page.go_back()

    expect(ada.page.get_by_text("That galaxy is answered")).to_be_visible()
    assert ada.handout != stored
    assert site.rows(ANSWERED, [stored]) == [(1,)]


def test_trail_and_back_button_lead_to_their_questions(windows):
    ada = windows.volunteer()
    ada.start()
    asked = []
    for number in TO_SPIRAL:
        asked.append(words(ada))
        ada.answer(number)

    ada.page.get_by_role("button", name="Back", exact=True).click()
    expect(ada.question).to_have_text(asked[3])
    ada.trail.nth(1).click()
    expect(ada.question).to_have_text(asked[1])
    expect(ada.trail).to_have_count(1)


def test_two_tabs_show_different_galaxies(windows):
    left = windows.volunteer()
    left.start()
    right = Volunteer(left.page.context.new_page())
    right.start()
    assert left.picture != right.picture


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_a_double_click_on_done_stores_one(windows, site, has_script):
    ada = windows.volunteer(java_script_enabled=has_script)
    ada.start()
    ada.answer_all()
    first, posts = ada.handout, []
    ada.page.on("request", lambda r: posts.append(r) if r.method == "POST" else None)

    ada.done.dblclick()
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)
    ada.wait_until_saved()

    assert site.rows(ANSWERED, [first]) == [(1,)]
    assert len(posts) == 1 or not has_script


def test_nothing_is_chosen_and_done_waits_for_the_last_question(windows):
    ada = windows.volunteer()
    ada.start()
    while ada.answers.count():
        expect(ada.done).to_be_disabled()
        ada.answer(0)
    expect(ada.done).to_be_enabled()


def test_focus_is_on_the_heading_after_every_step(windows):
    ada = windows.volunteer()
    ada.start()
    expect(ada.heading).to_be_focused()
    ada.answer(1)
    expect(ada.question).to_be_focused()
    ada.page.get_by_role("button", name="Back", exact=True).click()
    expect(ada.trail).to_have_count(0)
    expect(ada.question).to_be_focused()
    ada.answer_all()
    expect(ada.question).to_be_focused()
    ada.press_done()
    expect(ada.heading).to_be_focused()


def test_one_can_answer_with_the_keyboard_alone(windows):
    ada = windows.volunteer()
    ada.start()
    first, press = ada.handout, ada.page.keyboard.press
    while ada.done.is_disabled():
        before = ada.trail.count()
        for _ in range(12):  # past the tools of the picture
            press("Tab")
            if ada.answers.first.evaluate("answer => answer === document.activeElement"):
                break
        press("Enter")
        expect(ada.trail).to_have_count(before + 1)
        expect(ada.question).to_be_focused()
    ada.done.focus()  # behind the summary of the answers and Back
    press("Enter")
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_picture_and_first_answer_fit_the_window(windows, size):
    ada = windows.volunteer(size)
    ada.start()
    for number in (*TO_SPIRAL, 0, 0):
        ada.page.evaluate("scrollTo(0, 0)")
        assert is_inside(ada.page, ".galaxy img"), words(ada)
        assert is_inside(ada.page, "button.answer"), words(ada)
        ada.answer(number)


@pytest.mark.parametrize("place", ["/", f"/c/{SLUG}/classify/", "/my/", "/accounts/login/"])
def test_nothing_scrolls_sideways_at_320_px(windows, place):
    ada = windows.volunteer({"width": 320, "height": 640})
    ada.start()
    ada.page.goto(place)
    widths = ada.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1] == 320


def test_answers_are_large_enough_for_a_finger(windows):
    ada = windows.volunteer(PHONE, has_touch=True, is_mobile=True)
    ada.start()
    for button in ada.page.locator("main").get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44, button.inner_text()


def test_names_say_what_to_do_and_never_what_the_picture_is(windows):
    ada = windows.volunteer()
    ada.start()
    ada.answer(1)
    main = ada.page.get_by_role("main")
    picture = main.get_by_role("img").get_attribute("alt")
    assert re.fullmatch(r"The galaxy to classify(, field \d+ arcseconds)?", picture or "")
    tree = main.aria_snapshot()
    buttons = re.findall(r"- '?(button.*)", tree[tree.index("- region") :])  # after the viewer
    # Two answers, Back, Done, one in the trail, Skip, Report, Favorite.
    assert len(buttons) == 8
    assert all(re.match(r'button "\w', line) for line in buttons), tree
    assert "list" in tree
    assert 'heading "Could this be a disk viewed edge-on?" [level=2]' in tree


def test_the_page_without_pictures_is_small(windows):
    ada = windows.volunteer()
    sizes = {}

    def note(request):
        is_page = not re.search("/(ahead|questions)/", request.url)  # those are of later pages
        if is_page and (request.resource_type != "image" or request.url.endswith(".svg")):
            sizes[request.url] = request.sizes()["responseBodySize"]

    ada.page.on("requestfinished", note)
    ada.start()
    ada.page.wait_for_load_state("networkidle")
    assert any("htmx" in url for url in sizes)
    assert sum(sizes.values()) < 60_000, sizes


def test_parts_are_small(windows):
    ada = windows.volunteer()
    ada.start()
    with ada.page.expect_response("**/question/**") as part:
        ada.answer(1)
    assert 0 < len(part.value.body()) < 30_000
    ada.answer_all()
    with (
        ada.page.expect_response("**/queue/") as part,
        ada.page.expect_response("**/ahead/") as task,
    ):
        ada.press_done()
    assert 0 < len(part.value.body()) < 30_000
    assert 0 < len(task.value.body()) < 30_000
