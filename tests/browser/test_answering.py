"""Answering in a browser: the way back and its memory, the last answer, skips, help, the trial."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import SLUG, Site
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser
STORED = """
    SELECT given.uuid::text, earlier.uuid::text, standing.state
    FROM classifications_classification given
    LEFT JOIN classifications_classification earlier ON earlier.id = given.supersedes_id
    LEFT JOIN classifications_standing standing ON standing.classification_id = given.id
    WHERE given.uuid = ANY(%s::uuid[]) ORDER BY given.id
"""
NEW = re.compile(r"^New galaxy, question 1 of at most \d+$")
OVERLAP = """([one, other]) => {
    const [a, b] = [one, other].map(name => document.querySelector(name).getBoundingClientRect());
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}"""


@pytest.fixture
def ada(windows) -> Volunteer:
    """Somebody in front of a galaxy."""
    person: Volunteer = windows.volunteer()
    person.start()
    return person


@contextmanager
def setting(site: Site, name: str, *, value: bool) -> Iterator[None]:
    """Let the campaign have another setting for a while."""
    line = f"UPDATE workflows_workflow SET {name} = %s WHERE slug = %s RETURNING id"
    site.rows(line, [value, SLUG])
    try:
        yield
    finally:
        site.rows(line, [not value, SLUG])


def change(person: Volunteer):
    return person.page.get_by_role("button", name="Change my last answer")


def test_the_old_answer_again_brings_back_what_was_below_it(ada):
    for number in (1, 1, 0, 0):
        ada.answer(number)
    words, before = ada.question.inner_text(), ada.trail.all_inner_texts()

    ada.trail.nth(0).click()
    expect(ada.trail).to_have_count(0)
    expect(ada.page.get_by_role("button", name="(your answer before)")).to_have_count(1)
    ada.answer(0)
    expect(ada.trail).to_have_count(1)  # another answer: what was below is gone
    ada.page.get_by_role("button", name="Back", exact=True).click()
    expect(ada.trail).to_have_count(0)
    ada.page.reload()  # the memory is in the address
    ada.answers.nth(1).click()

    expect(ada.trail).to_have_count(4)
    assert ada.trail.all_inner_texts() == before
    expect(ada.question).to_have_text(words)


def asked(page: Page) -> list[str]:
    """Where the browser asks before it leaves, and is told to go on."""
    dialogs: list[str] = []

    def note(dialog):
        dialogs.append(dialog.type)
        dialog.accept()

    page.on("dialog", note)
    return dialogs


def test_the_browser_asks_before_answers_are_left(ada):
    dialogs = asked(ada.page)
    ada.page.goto(f"/c/{SLUG}/")
    assert dialogs == []
    ada.start()
    ada.answer(1)
    ada.page.goto(f"/c/{SLUG}/")
    assert dialogs == ["beforeunload"]


def test_it_does_not_ask_when_the_answers_are_sent_or_a_form_is(ada):
    dialogs = asked(ada.page)
    ada.answer_all()
    ada.press_done()
    ada.page.goto(f"/c/{SLUG}/classify/")
    ada.answer(1)
    ada.page.get_by_role("button", name="Skip this galaxy").click()
    expect(ada.trail).to_have_count(0)
    ada.page.goto("/my/")
    ada.start()
    ada.answer(1)
    ada.page.locator(".menu > summary").click()
    ada.page.get_by_role("button", name="Paper").click()
    ada.page.wait_for_load_state("networkidle")
    expect(ada.trail).to_have_count(1)
    assert dialogs == []


def test_the_path_in_one_line_before_done_each_a_way_back(ada, site):
    summary = ada.page.locator(".summary")
    asked_first = ada.question.inner_text()
    ada.answer_all()
    expect(summary).to_be_visible()
    assert summary.locator("button").all_inner_texts() == ada.trail.all_inner_texts()
    summary.locator("button").first.click()
    expect(ada.question).to_have_text(asked_first)
    expect(summary).to_be_hidden()
    with setting(site, "shows_summary", value=False):
        ada.answer(2)
        ada.answer_all()
        expect(ada.done).to_be_enabled()
        expect(summary).to_be_hidden()


def test_the_last_answer_is_changed(ada, site):
    expect(change(ada)).to_be_hidden()
    ada.answer_all()
    first, given = ada.handout, ada.trail.all_inner_texts()
    picture = ada.picture
    ada.press_done()
    between, picture_between = ada.handout, ada.picture

    ada.page.keyboard.press("u")
    expect(ada.trail).to_have_count(len(given))
    assert (ada.trail.all_inner_texts(), ada.picture) == (given, picture)
    ada.trail.nth(0).click()
    expect(ada.trail).to_have_count(0)
    ada.answer(2)
    ada.answer_all()
    second = ada.handout
    ada.press_done()

    assert site.rows(STORED, [[first, second]]) == [(first, None, None), (second, first, "counted")]
    assert site.rows("SELECT FROM classifications_handout WHERE uuid = %s", [between]) == []
    assert picture_between
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "1")


def test_it_is_offered_after_a_reload_and_for_a_minute(windows):
    ada = windows.volunteer()
    ada.page.clock.install()
    ada.start()
    ada.answer_all()
    ada.press_done()
    ada.page.reload()
    expect(change(ada)).to_be_visible()
    ada.page.clock.fast_forward(50_000)
    expect(change(ada)).to_be_visible()
    change(ada).focus()
    ada.page.clock.fast_forward(11_000)
    expect(change(ada)).to_have_count(0)
    expect(ada.question).to_be_focused()


def test_who_has_looked_at_the_votes_keeps_the_answer(ada, site):
    ada.answer_all()
    stored = ada.handout
    ada.press_done()
    query = "SELECT subject_id FROM classifications_classification WHERE uuid = %s"
    subject = site.rows(query, [stored])[0][0]
    elsewhere = ada.page.context.new_page()
    elsewhere.goto(f"/look/{SLUG}/g/{subject}/")
    elsewhere.goto("about:blank")
    told = "SELECT told_at FROM classifications_standing s JOIN classifications_classification c "
    told += "ON c.id = s.classification_id WHERE c.uuid = %s"
    assert site.rows(told, [stored])[0][0]

    change(ada).click()
    expect(ada.alert).to_contain_text("what others say")


@pytest.mark.parametrize(("key", "is_report"), [("s", False), ("x", True)])
def test_a_key_passes_a_galaxy_over(ada, site, key, is_report):
    ada.answer(1)
    first, picture = ada.handout, ada.picture
    ada.page.keyboard.press(key)
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)
    expect(ada.trail).to_have_count(0)
    expect(ada.heading).to_be_focused()
    assert ada.picture != picture
    noted = "SELECT is_report FROM classifications_passed WHERE holder = %s"
    assert site.rows(noted, [ada.browser_id]) == [(is_report,)]
    assert site.rows(STORED, [[first]]) == []


def test_what_people_say_is_told_once_and_ends_the_change(windows, site):
    with setting(site, "tells_crowd", value=True):
        ada = windows.volunteer()
        ada.start()
        ada.answer_all()
        expect(ada.page.get_by_role("button", name="What people say")).to_be_hidden()
        ada.press_done()
        ada.page.get_by_role("button", name="What people say").click()
        crowd = ada.page.locator(".crowd")
        expect(crowd).to_contain_text("so far:")
        expect(crowd).to_contain_text(" of ")
        expect(crowd).to_be_focused()
        expect(change(ada)).to_have_count(0)
        ada.answer_all()
        ada.press_done()
        expect(crowd).to_have_count(0)


def test_help_stands_beside_the_question_on_a_desktop(ada):
    help_button = ada.page.get_by_text("Help with this question").locator("visible=true")
    help_button.click()
    words = ada.page.locator(".help-words").first
    expect(words).to_be_visible()
    assert ada.page.evaluate(OVERLAP, [".help-words", ".viewer"]) is False
    assert ada.page.locator("dialog[open]").count() == 0
    assert ada.page.viewport_size == DESKTOP


def test_help_is_a_dialog_on_a_phone(windows):
    ada = windows.volunteer(PHONE)
    ada.start()
    opener = ada.page.locator(".help > summary")
    opener.click()
    dialog = ada.page.locator("dialog#help")
    expect(dialog).to_be_visible()
    expect(dialog.locator("dt").first).to_be_visible()
    assert ada.page.evaluate("document.activeElement.closest('dialog')?.id") == "help"
    ada.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    ada.page.locator("#question-text").focus()
    ada.page.keyboard.press("h")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(ada.question).to_be_focused()


def test_a_new_galaxy_is_said_aloud_and_its_heading_has_the_focus(ada):
    region = ada.page.locator("#announce")
    expect(region).to_have_text("")
    expect(region).to_have_attribute("role", "status")
    ada.answer_all()
    expect(region).to_have_text("")
    ada.press_done()
    expect(ada.heading).to_be_focused()
    expect(region).to_have_text(NEW)


def test_what_is_replaced_says_that_it_is_busy(ada):
    ada.page.evaluate("""() => {
        window.busy = [];
        for (const name of ["htmx:beforeSend", "htmx:afterSettle"]) {
            document.addEventListener(name, () => window.busy.push(
                document.querySelector("#question").getAttribute("aria-busy")));
        }
    }""")
    ada.answer(1)
    ada.page.wait_for_function("() => window.busy.length === 2")
    assert ada.page.evaluate("window.busy") == ["true", None]
    assert ada.page.locator("#alert[role=alert]").count() == 1


COUNTS = """
    SELECT (SELECT count(*) FROM classifications_classification),
           (SELECT count(*) FROM classifications_standing),
           (SELECT count(*) FROM classifications_handout), (SELECT count(*) FROM django_session),
           (SELECT count(*) FROM accounts_volunteer),
           (SELECT sum(n_classifications) FROM consensus_consensus)
"""


def test_ten_galaxies_of_a_trial_store_nothing(windows, site):
    page = windows.open()
    ada = Volunteer(page, seed=5)
    before = site.rows(COUNTS)
    page.goto(f"/c/{SLUG}/")
    page.get_by_role("link", name="Only try it").click()
    for _ in range(10):
        expect(page.get_by_text("This is a trial: nothing of it is stored.")).to_be_in_viewport()
        while ada.answers.count():
            before_it = ada.trail.count()
            page.keyboard.press(str(1 + ada.choice.randrange(ada.answers.count())))
            expect(ada.trail).to_have_count(before_it + 1)
        page.keyboard.press("Enter")
        expect(ada.trail).to_have_count(0)
    assert site.rows(COUNTS) == before
