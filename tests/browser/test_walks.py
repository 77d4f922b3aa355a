"""Whole sittings of people without a mouse: with taps on a phone, and by ear alone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser
STORED = """
    SELECT given.uuid::text, count(*) FROM classifications_classification given
    JOIN accounts_volunteer volunteer ON volunteer.id = given.volunteer_id
    WHERE volunteer.uuid = %s GROUP BY 1
"""
GIVEN_AWAY = re.compile(r"spiral|elliptical|merger|votes?\b|%|\.(png|fits?)\b", re.IGNORECASE)


def tap(person: Volunteer, place) -> None:
    """Touch the middle of something, where it is on the screen."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    person.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def classify_by_tap(person: Volunteer) -> str:
    """Answer a galaxy with a finger alone; return the id of what was stored."""
    while person.answers.count():
        before = person.trail.count()
        expect(person.answers.first).to_be_enabled()
        tap(person, person.answers.nth(person.choice.randrange(person.answers.count())))
        expect(person.trail).to_have_count(before + 1)
    stored = person.handout
    tap(person, person.done)
    expect(person.page.locator("form.done input[name=uuid]")).not_to_have_value(stored)
    return stored


def test_twenty_galaxies_with_taps_alone(windows, site):
    small = {"width": 360, "height": 740}
    ada = windows.volunteer(small, seed=6, has_touch=True, is_mobile=True)
    ada.start()
    stored = [classify_by_tap(ada) for _ in range(20)]
    ada.wait_until_saved()  # what is said of it has come
    assert ada.page.evaluate("document.documentElement.scrollWidth") == small["width"]
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "20")
    assert dict(site.rows(STORED, [ada.browser_id])) == dict.fromkeys(stored, 1)


def test_a_galaxy_by_ear_alone(windows):
    """Controls are found by what a screen reader calls them; nothing it says tells the class."""
    ada = windows.volunteer(DESKTOP, seed=3)
    ada.start()
    main = ada.page.get_by_role("main")
    heading = main.get_by_role("heading", level=1, name="A galaxy to classify")
    for name in ("Features or disk", "No, something else", "No bar"):
        expect(main.get_by_role("heading", level=1)).to_have_count(1)
        for picture in main.get_by_role("img").all():
            assert not GIVEN_AWAY.search(picture.aria_snapshot())
        main.get_by_role("button", name=name, exact=True).click()
        expect(main.get_by_role("button", name=f"{name}. Back to:").first).to_be_attached()
        expect(main.get_by_role("heading", level=2).first).to_be_focused()
    while not (done := main.get_by_role("button", name="Done", exact=True)).is_enabled():
        ada.answer(0)
    done.click()
    expect(
        main.get_by_role("status").filter(has_text="Saved: your answer counts.")
    ).to_be_attached()
    expect(main.get_by_role("status").filter(has_text="New galaxy, question 1")).to_be_attached()
    expect(heading).to_be_focused()
