"""When something fails, a sentence says so, and what was answered is still there."""

import re
import threading

import psycopg
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NO_STORAGE, PHONE
from tests.browser.site import SLUG

pytestmark = pytest.mark.browser

STORED = """
    SELECT count(*), count(standing.id) FROM classifications_classification classification
    LEFT JOIN classifications_standing standing ON classification_id = classification.id
    WHERE uuid = %s
"""
SENTENCES = {
    400: "could not read what was sent",
    403: "older than your sign-in",
    409: "Somebody changed this",
    413: "larger than the site accepts",
    429: "Wait 7 s",
    500: "Something went wrong on the site",
    503: "try again in 7 s",
}
LOCK = """
    SELECT FROM consensus_consensus WHERE subject_id =
        (SELECT subject_id FROM classifications_handout WHERE uuid = %s) FOR UPDATE
"""
PROCESSES = 2  # of the web server
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def tell(route, status):
    route.fulfill(status=status, headers={"Retry-After": "7"}, content_type="text/html", body="<p>")


def seat(windows, **options):
    """Somebody who has answered everything and not pressed Done; their browser keeps no queue."""
    person = windows.volunteer(**options)
    person.page.add_init_script(NO_STORAGE)
    person.start()
    person.answer_all()
    return person


def state(person):
    """What must not change when saving fails."""
    return (person.handout, person.picture, person.trail.all_inner_texts())


@pytest.mark.parametrize("status", SENTENCES)
def test_a_refused_done_is_said_and_can_be_repeated(windows, site, status):
    ada = seat(windows)
    before = state(ada)
    ada.page.route("**/submit/", lambda route: tell(route, status))

    ada.done.click()

    expect(ada.alert).to_be_visible()
    expect(ada.alert).to_contain_text(SENTENCES[status])
    assert state(ada) == before
    assert site.rows(STORED, [before[0]]) == [(0, 0)]
    ada.page.unroute("**/submit/")
    ada.press_done()
    expect(ada.alert).to_be_empty()
    assert site.rows(STORED, [before[0]]) == [(1, 1)]


@pytest.mark.parametrize("status", SENTENCES)
def test_a_refused_answer_is_said_and_can_be_repeated(windows, status):
    ada = windows.volunteer(PHONE)
    ada.page.route("**/questions/**", lambda route: route.abort())  # none is at hand
    ada.start()
    ada.answer(1)
    before = state(ada)
    ada.page.route("**/question/**", lambda route: tell(route, status))

    ada.answers.first.click()

    expect(ada.alert).to_contain_text(SENTENCES[status])
    expect(ada.alert).to_be_in_viewport()
    assert state(ada) == before
    ada.page.unroute("**/question/**")
    ada.answer(0)
    expect(ada.alert).to_be_empty()


@pytest.mark.parametrize("status", [502, 503])
def test_a_site_that_cannot_answer_just_now_stops_nobody_between_questions(windows, status):
    ada = windows.volunteer(PHONE)
    ada.start()
    expect(ada.page.locator("body")).to_have_attribute("data-questions", "ready")
    ada.page.route("**/question/**", lambda route: tell(route, status))
    ada.answer(1)
    ada.answer(1)
    expect(ada.alert).to_be_empty()


def test_no_connection_is_said_and_done_can_be_repeated(windows, site):
    ada = seat(windows)
    before = state(ada)
    ada.page.route("**/submit/", lambda route: route.abort("connectionrefused"))

    ada.done.click()

    expect(ada.alert).to_contain_text("The site cannot be reached")
    assert state(ada) == before
    ada.page.unroute("**/submit/")
    ada.press_done()
    assert site.rows(STORED, [before[0]]) == [(1, 1)]


def test_an_answer_that_was_stored_but_not_acknowledged_is_stored_once(windows, site):
    ada = seat(windows)
    first = ada.handout

    def lose_the_response(route):
        route.fetch()
        route.abort("connectionreset")

    ada.page.route("**/submit/", lose_the_response)
    ada.done.click()
    expect(ada.alert).to_contain_text("The site cannot be reached")
    assert site.rows(STORED, [first]) == [(1, 1)]

    ada.page.unroute("**/submit/")
    ada.press_done()

    assert site.rows(STORED, [first]) == [(1, 1)]


def test_answers_off_the_tree_are_refused_with_a_sentence(windows, site):
    ada = seat(windows)
    before = ada.handout
    ada.page.locator("input[name=path]").evaluate("field => { field.value = '0' }")

    ada.done.click()

    expect(
        ada.page.get_by_role("alert").filter(has_text=re.compile(r"\w"), visible=True)
    ).to_be_visible()
    assert ada.handout == before  # the same galaxy can be answered
    assert site.rows(STORED, [before]) == [(0, 0)]


def test_a_killed_web_process_loses_no_answer(windows, site):
    ada = seat(windows)
    first, before = ada.handout, site.workers()
    with psycopg.connect(site.database.url) as other:
        other.execute(LOCK, [first])
        ada.done.click()  # waits for the galaxy's tally, in the middle of its transaction
        wait_until(lambda: site.rows(WAITS) == [(1,)])
        site.kill_workers()
        wait_until(lambda: not set(before) & set(site.workers()))
    # On a connection that it had before, Chromium sends the answer again by itself.
    wait_until(lambda: ada.alert.inner_text() or ada.handout != first, ada.page)
    if ada.handout == first:
        expect(ada.alert).to_contain_text("The site cannot be reached")
        ada.press_done()

    assert site.rows(STORED, [first]) == [(1, 1)]
    assert "0 differences" in site.manage("recount")


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_without_its_database_the_site_says_so_and_keeps_the_answers(windows, site, has_script):
    ada = seat(windows, java_script_enabled=has_script)
    before = state(ada)
    site.database.stop()
    try:
        ada.done.click()
        expect(ada.page.get_by_text("Saving is paused")).to_be_visible()
        assert not ada.page.get_by_text("Saved:").count()
        assert not has_script or state(ada) == before
    finally:
        site.start_database()
    if not has_script:
        go_back_to_the_answers(ada)
    assert state(ada) == before

    press_until_stored(ada, has_script=has_script)

    assert site.rows(STORED, [before[0]]) == [(1, 1)]
    site.kill_workers()  # for the tests that follow: no connection of before is left
    site.wait_until_up()


def test_an_expired_sign_in_leaves_the_page_for_the_form_and_comes_back(windows, site):
    ada = windows.volunteer()
    ada.sign_up("owner-ada")
    site.manage("set_role", "owner-ada", "admin")
    place = f"/manage/campaigns/{SLUG}/"
    ada.page.goto(place)
    ada.page.context.clear_cookies(name="session")

    ada.page.evaluate(f"htmx.ajax('GET', '{place}progress/', '#progress')")

    ada.page.wait_for_url(f"{site.address}/accounts/login/?next={place}")
    expect(ada.page.get_by_label("Password")).to_have_count(1)


def test_a_browser_reports_what_the_policy_forbids(windows, site):
    """What "no reports" rests on: an inline script is refused, and the report arrives."""
    page = windows.open()
    page.goto("/")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'document.title = 1' }))"
    )
    wait_until(lambda: site.reports)
    assert page.title() != "1"
    assert "script-src" in site.reports.pop()
    assert "Content Security Policy" in windows.complaints.pop()


def test_a_foreign_host_is_never_reached(windows):
    """What "no foreign request" rests on."""
    page = windows.open()
    page.goto("/")
    page.evaluate("location = 'http://example.org/'")
    wait_until(lambda: windows.complaints, page)
    assert windows.complaints.pop() == "a foreign host was asked: http://example.org/"


# A web process says once more that saving is paused, before it sees that its connection is gone.
def go_back_to_the_answers(person):
    person.page.go_back()
    for _ in range(PROCESSES):
        if not person.done.count():
            person.page.reload()


def press_until_stored(person, *, has_script):
    for _ in range(PROCESSES + 1):
        with person.page.expect_response("**/submit/") as answer:
            person.done.click()
        if answer.value.status < 400:
            return
        if not has_script:
            go_back_to_the_answers(person)
    pytest.fail("The answer could not be stored after the database had come back.")


def wait_until(is_true, page=None):
    """Return when something has become true; a page, if given, hears its events meanwhile."""
    for _ in range(200):
        if is_true():
            return
        if page:
            page.wait_for_timeout(50)
        else:
            threading.Event().wait(0.05)
    pytest.fail("It did not become true within 10 s.")
