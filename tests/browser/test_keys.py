"""The classify page without a mouse: which key presses what, when none does, and other keys."""

import os
import re
from typing import Self

import pytest
from playwright.sync_api import expect

from tests.browser.site import SLUG
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser
STORED = "SELECT uuid::text, path FROM classifications_classification WHERE uuid = ANY(%s::uuid[])"
KEYS = "/accounts/keys/"
# A key as a keyboard cannot be made to send it here: with AltGr, or while a word is composed.
INSERT = "html => document.querySelector('main').insertAdjacentHTML('beforeend', html)"
SEND = """init => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {bubbles: true, cancelable: true, ...init}))"""


def press(person: Volunteer, *keys: str) -> None:
    for key in keys:
        person.page.keyboard.press(key)


def answer_by_key(person: Volunteer) -> None:
    """Press the digit of an answer, and see it in the trail."""
    expect(person.page.locator("#task[data-waiting]")).to_have_count(0)  # the picture is there
    before = person.trail.count()
    press(person, str(1 + person.choice.randrange(person.answers.count())))
    expect(person.trail).to_have_count(before + 1)


def classify_by_key(person: Volunteer) -> str:
    """Answer a galaxy with the keyboard alone; return the id of what was stored."""
    while person.page.locator("button.answer").count():
        answer_by_key(person)
    stored = person.handout
    press(person, "Enter")
    expect(person.page.locator("form.done input[name=uuid]")).not_to_have_value(stored)
    return stored


def test_twenty_galaxies_without_a_mouse(windows, site):
    ada = windows.volunteer(seed=4)
    ada.start()
    stored = [classify_by_key(ada) for _ in range(20)]
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "20")
    assert {row[0] for row in site.rows(STORED, [stored])} == set(stored)


def test_the_digit_on_the_button_is_the_one_that_presses_it(windows):
    ada = windows.volunteer()
    ada.start()
    second = ada.answers.nth(1)
    words = second.locator(".answer-words").inner_text()
    assert second.locator("kbd").inner_text() == "2"
    press(ada, "2")
    expect(ada.trail).to_have_text(words)


def test_backspace_goes_back(windows):
    ada = windows.volunteer()
    ada.start()
    first = ada.question.inner_text()
    press(ada, "Backspace")  # nowhere to go
    answer_by_key(ada)
    press(ada, "Backspace")
    expect(ada.question).to_have_text(first)
    expect(ada.trail).to_have_count(0)


def test_enter_presses_what_has_the_focus_first(windows):
    ada = windows.volunteer()
    ada.start()
    words = ada.answers.nth(2).locator(".answer-words").inner_text()
    ada.answers.nth(2).focus()
    press(ada, "Enter")
    expect(ada.trail).to_have_text(words)


def test_the_list_of_keys_opens_and_gives_the_focus_back(windows):
    ada = windows.volunteer()
    ada.start()
    dialog = ada.page.locator("#key-list")
    ada.answers.nth(1).focus()
    press(ada, "?")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("First answer")
    assert ada.page.evaluate("document.activeElement.closest('dialog')?.id") == "key-list"
    press(ada, "1", "Enter")  # what has the focus is Close
    expect(dialog).to_be_hidden()
    expect(ada.trail).to_have_count(0)
    press(ada, "?", "Escape")
    expect(dialog).to_be_hidden()
    expect(ada.answers.nth(1)).to_be_focused()
    ada.page.get_by_role("link", name="Keys").click()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize(
    "element",
    [
        "<input id='here'>",
        "<textarea id='here'></textarea>",
        "<select id='here'><option>1</option></select>",
        "<p id='here' contenteditable='true'>words</p>",
    ],
)
def test_no_key_fires_where_something_is_written(windows, element):
    ada = windows.volunteer()
    ada.start()
    ada.page.evaluate(
        "html => document.querySelector('main').insertAdjacentHTML('beforeend', html)", element
    )
    with quiet(ada):
        ada.page.locator("#here").focus()
        press(ada, "1", "?", "Backspace", "l")
    ada.page.locator("#question-text").focus()
    answer_by_key(ada)


class quiet:  # noqa: N801 - reads as a word
    """Nothing is asked of the server, and nothing opens."""

    def __init__(self, person: Volunteer) -> None:
        self.person = person
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        self.person.page.on("request", self._note)
        return self

    def _note(self, request) -> None:
        # What the queue brings for later has been asked for by no key.
        if not re.search("/(static|media|ahead|questions)/", request.url):
            self.requests.append(request.url)

    def __exit__(self, *_failure: object) -> None:
        self.person.page.wait_for_timeout(150)
        self.person.page.remove_listener("request", self._note)
        assert self.requests == []
        assert self.person.page.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("modifier", ["Control", "Meta", "Alt"])
def test_no_key_fires_with_a_modifier(windows, modifier):
    ada = windows.volunteer()
    ada.start()
    with quiet(ada):
        press(ada, f"{modifier}+1", f"{modifier}+l")


@pytest.mark.parametrize(
    "init",
    [
        {"key": "1", "modifierAltGraph": True},
        {"key": "1", "isComposing": True},
        {"key": "1", "keyCode": 229},
        {"key": "?", "ctrlKey": True, "altKey": True},
    ],
    ids=["AltGr", "composing", "IME", "AltGr on Windows"],
)
def test_no_key_fires_for_altgr_or_an_input_method(windows, init):
    ada = windows.volunteer()
    ada.start()
    with quiet(ada):
        ada.page.evaluate(SEND, init)
    ada.page.evaluate(SEND, {"key": "1"})
    expect(ada.trail).to_have_count(1)


def hold(person: Volunteer, key: str, times: int = 40) -> None:
    """Keep a key down, as long as a keyboard takes to repeat it so often (2 s)."""
    for _ in range(times):
        person.page.keyboard.down(key)
        person.page.wait_for_timeout(50)
    person.page.keyboard.up(key)


def test_a_digit_that_is_held_selects_once(windows):
    ada = windows.volunteer()
    ada.start()
    hold(ada, "2")
    expect(ada.trail).to_have_count(1)


@pytest.mark.parametrize("on_button", [False, True])
def test_enter_that_is_held_stores_once(windows, site, on_button):
    ada = windows.volunteer()
    ada.start()
    while ada.done.is_disabled():
        ada.answer(0)
    first, posts = ada.handout, []
    ada.page.on("request", lambda r: posts.append(r) if r.method == "POST" else None)
    if on_button:
        ada.done.focus()
    hold(ada, "Enter")
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)
    assert len(posts) == 1
    expect(ada.trail).to_have_count(0)
    assert len(site.rows(STORED, [[first]])) == 1


def change_keys(person: Volunteer, **keys: str) -> None:
    """Press other keys in the fields of the page of keys, and save."""
    person.page.goto(KEYS)
    for control, key in keys.items():
        person.page.locator(f"input[name=key-{control.replace('_', '-')}]").focus()
        press(person, key)
    person.page.get_by_role("button", name="Save").click()
    expect(person.page.get_by_text("Saved.")).to_be_visible()


def test_other_keys_last_over_a_sign_in_elsewhere(windows):
    ada = windows.volunteer()
    name = f"keys-{os.getpid()}"
    ada.sign_up(name)
    change_keys(ada, answer_1="q", back="w")

    elsewhere = windows.volunteer(seed=2)
    elsewhere.sign_in(name)
    elsewhere.start()
    assert elsewhere.answers.first.locator("kbd").inner_text() == "q"
    with quiet(elsewhere):
        press(elsewhere, "1")
    press(elsewhere, "q")
    expect(elsewhere.trail).to_have_count(1)
    press(elsewhere, "w")
    expect(elsewhere.trail).to_have_count(0)
    press(elsewhere, "?")
    list_of_keys = elsewhere.page.locator("#key-list dl").inner_text()
    assert "First answer\nq" in list_of_keys
    assert "One question back\nw" in list_of_keys


def test_a_visitor_switches_the_keys_off(windows):
    ada = windows.volunteer()
    ada.page.goto(KEYS)
    ada.page.get_by_label("Single keys press the controls").uncheck()
    ada.page.get_by_role("button", name="Save").click()
    ada.start()
    assert ada.page.locator("kbd.answer-digit").count() == 0
    with quiet(ada):
        press(ada, "1", "2", "Backspace", "l", "?")
    ada.page.goto(f"/c/{SLUG}/classify/")
    with quiet(ada):
        press(ada, "1")


def test_a_key_that_has_a_control_already_is_refused(windows):
    ada = windows.volunteer()
    ada.page.goto(KEYS)
    ada.page.locator("input[name=key-back]").focus()
    press(ada, "1")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("The key 1 presses “First answer” already")).to_be_visible()
