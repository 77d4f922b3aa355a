"""One question of two answers on a phone: a swipe answers and goes on, half a swipe does not."""

import json
import os
import re
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import CDPSession, Page, expect

from inference.formats.tree import load_built_in
from tests.browser.conftest import PHONE
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser
SMALL = {"width": 360, "height": 740}
TOUCH = {"has_touch": True, "is_mobile": True}
TWO = "two-answers"
SETUP = """
from webapp.consensus.admission import admit_next_chunk
from webapp.subjects import links
from webapp.subjects.models import SubjectSet
from webapp.workflows import services
from webapp.workflows.models import Workflow
tree = services.publish_tree(document={tree!r}, by=None)
made = services.create_workflow(name="Two answers", tree=tree, owner=None)
links.link_set(workflow=made, subject_set=SubjectSet.objects.first(), by=None)
while admit_next_chunk(): pass
Workflow.objects.filter(pk=made.pk).update(status="live", launched_at="2026-01-01T00:00Z")
"""
STORED = """
    SELECT given.path[1] FROM classifications_classification given
    JOIN accounts_volunteer volunteer ON volunteer.id = given.volunteer_id
    WHERE volunteer.uuid = %s ORDER BY given.id
"""

FINGERS: WeakKeyDictionary[Page, CDPSession] = WeakKeyDictionary()  # a touch ends with its session


def two_answers() -> str:
    """A tree that asks one question: smooth or featured."""
    document = json.loads(load_built_in("three-class").to_json())
    document |= {"key": "two-answers", "title": "Two answers"}
    question = document["questions"][0]
    question["answers"] = question["answers"][:2]
    return json.dumps(document)


@pytest.fixture(scope="module", autouse=True)
def known(site) -> None:
    """A live campaign of two answers."""
    if not site.rows("SELECT FROM workflows_workflow WHERE slug = %s", [TWO]):
        site.manage("shell", "-c", SETUP.format(tree=two_answers()))


def begin(windows, size=SMALL, **options) -> Volunteer:
    person: Volunteer = windows.volunteer(size, **TOUCH | options)
    person.page.goto(f"/c/{TWO}/classify/")
    see(person)
    return person


def see(person: Volunteer) -> None:
    """Wait until the picture is there: before that no answer can be pressed."""
    person.page.wait_for_function("() => document.querySelector('.galaxy img')?.complete")
    expect(person.answers.first).to_be_enabled()


def send(page: Page, kind: str, points: list[tuple[float, float]]) -> None:
    if page not in FINGERS:
        FINGERS[page] = page.context.new_cdp_session(page)
    places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    FINGERS[page].send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})


def drag(page: Page, dx: float, dy: float = 0) -> None:
    """Put a finger on the middle of the picture and move it in four steps; it stays there."""
    box = page.locator(".galaxy").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    send(page, "Start", [(x, y)])
    for part in (0.25, 0.5, 0.75, 1):
        send(page, "Move", [(x + part * dx, y + part * dy)])


def swipe(page: Page, dx: float, dy: float = 0) -> None:
    drag(page, dx, dy)
    send(page, "End", [])


def swipe_on(person: Volunteer, dx: float) -> None:
    """Swipe, and see the next galaxy."""
    before = person.handout
    swipe(person.page, dx)
    expect(person.page.locator("form.done input[name=uuid]")).not_to_have_value(before)
    see(person)


def n_saved(person: Volunteer, n: int) -> None:
    saved = person.page.locator("#saved-count")
    expect(saved).to_have_attribute("data-saved", str(n))


def test_left_is_the_first_answer_and_right_the_second(windows, site):
    ada = begin(windows)
    for dx in (-120, 120, 120, -120):
        swipe_on(ada, dx)
    n_saved(ada, 4)
    assert site.rows(STORED, [ada.browser_id]) == [(0,), (1,), (1,), (0,)]


def test_the_finger_goes_to_the_button_on_that_side_where_one_reads_from_the_right(windows, site):
    ada = begin(windows)
    ada.page.evaluate("document.documentElement.dir = 'rtl'")
    first, second = (ada.answers.nth(place).bounding_box() for place in (0, 1))
    assert first
    assert second
    assert first["x"] > second["x"]
    swipe_on(ada, 120)
    n_saved(ada, 1)
    assert site.rows(STORED, [ada.browser_id]) == [(0,)]


@pytest.mark.parametrize(
    ("dx", "dy"), [(80, 0), (-80, 0), (5, 0), (60, 60), (0, -150)],
    ids=["half right", "half left", "a tap", "aslant", "a scroll"],
)  # fmt: skip
def test_less_than_a_swipe_stores_nothing(windows, site, dx, dy):
    ada = begin(windows)
    before = ada.handout
    swipe(ada.page, dx, dy)
    ada.page.wait_for_timeout(300)
    assert ada.handout == before
    expect(ada.trail).to_have_count(0)
    expect(ada.page.locator(".swipe")).to_have_count(0)
    assert site.rows(STORED, [ada.browser_id]) == []


def test_a_finger_that_comes_back_stores_nothing(windows, site):
    ada = begin(windows)
    drag(ada.page, 150)
    box = ada.page.locator(".galaxy").bounding_box()
    assert box
    send(ada.page, "Move", [(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2)])
    send(ada.page, "End", [])
    ada.page.wait_for_timeout(300)
    expect(ada.trail).to_have_count(0)
    assert site.rows(STORED, [ada.browser_id]) == []


def test_what_will_be_answered_is_seen_before_the_finger_leaves(windows):
    ada = begin(windows, reduced_motion="no-preference")
    words = ada.answers.nth(1).locator(".answer-words").inner_text()
    picture = ada.page.locator(".galaxy img")
    drag(ada.page, 60)
    expect(ada.page.locator(".swipe")).to_have_text(words)
    expect(ada.page.locator(".swipe-far")).to_have_count(0)
    expect(picture).to_have_css("translate", "60px")
    send(ada.page, "Cancel", [])
    expect(picture).to_have_css("translate", re.compile("^(0px|none)$"))
    drag(ada.page, 120)
    expect(ada.page.locator(".swipe-far")).to_have_text(words)


def test_the_picture_stays_for_those_who_want_stillness(windows):
    ada = begin(windows)
    drag(ada.page, 120)
    expect(ada.page.locator(".swipe-far")).to_be_visible()
    moved = "getComputedStyle(document.querySelector('.galaxy img')).translate"
    assert ada.page.evaluate(moved) == "none"


def test_a_magnified_picture_is_moved_and_two_fingers_pinch(windows, site):
    ada = begin(windows)
    ada.page.get_by_role("button", name="Zoom in").tap()
    swipe(ada.page, 150)
    ada.page.locator('[data-key="zoom-reset"]').tap()
    send(ada.page, "Start", [(150, 200)])
    send(ada.page, "Start", [(150, 200), (210, 200)])
    for far in (60, 120):
        send(ada.page, "Move", [(150 + far, 200), (210 + far, 200)])
    send(ada.page, "End", [])
    ada.page.wait_for_timeout(300)
    expect(ada.trail).to_have_count(0)
    assert site.rows(STORED, [ada.browser_id]) == []


def test_a_swipe_is_taken_back_by_a_button_that_is_seen(windows, site):
    ada = begin(windows)
    swipe_on(ada, 120)
    change = ada.page.get_by_role("button", name="Change my last answer")
    ada.page.wait_for_timeout(10_000)
    expect(change).to_be_in_viewport(ratio=1)
    change.tap()
    expect(ada.trail).to_have_count(1)
    ada.page.get_by_role("button", name="Back", exact=True).tap()
    expect(ada.trail).to_have_count(0)
    swipe_on(ada, -120)
    ada.wait_until_saved()
    n_saved(ada, 1)
    assert site.rows(STORED, [ada.browser_id]) == [(1,), (0,)]


def test_the_buttons_do_the_same_and_wait_for_done(windows, site):
    ada = begin(windows, PHONE)
    ada.answers.nth(1).tap()
    expect(ada.trail).to_have_count(1)
    before = ada.handout
    ada.done.tap()
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(before)
    n_saved(ada, 1)
    assert site.rows(STORED, [ada.browser_id]) == [(1,)]


def test_a_tree_of_more_is_not_swiped(windows, site):
    ada = windows.volunteer(SMALL, **TOUCH)
    ada.start()
    drag(ada.page, 150)
    expect(ada.page.locator(".swipe")).to_have_count(0)
    send(ada.page, "End", [])
    expect(ada.trail).to_have_count(0)


def test_turning_the_phone_keeps_the_galaxy(windows):
    ada = begin(windows)
    swipe_on(ada, 120)
    here, picture = ada.handout, ada.picture
    ada.page.set_viewport_size({"width": 740, "height": 360})
    assert (ada.handout, ada.picture) == (here, picture)
    swipe_on(ada, 250)


@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="Pictures only for who asks for them.")
@pytest.mark.parametrize(("theme", "way"), [("night", "ltr"), ("paper", "ltr"), ("paper", "rtl")])
def test_pictures_of_a_swipe_for_people_to_look_at(windows, theme, way):
    folder = Path(os.environ["SCREENSHOTS"])
    ada = begin(windows, reduced_motion="no-preference")
    ada.page.evaluate(
        "([theme, dir]) => Object.assign(document.documentElement, {dir}).dataset.theme = theme",
        [theme, way],
    )
    for dx in (-60, 120):
        drag(ada.page, dx)
        ada.page.screenshot(path=folder / f"swipe-{theme}-{way}-{dx}.png")
        send(ada.page, "Cancel", [])
