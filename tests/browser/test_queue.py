"""The queue of answers: whatever the line, the server and the browser do, each is stored once."""

import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NO_STORAGE, Windows
from tests.browser.proxy import Fault, Proxy, Seen
from tests.browser.site import Site
from tests.browser.test_failures import LOCK, SENTENCES, WAITS, tell, wait_until
from tests.browser.volunteer import Volunteer

pytestmark = pytest.mark.browser
ORDER = """
    SELECT uuid::text FROM classifications_classification
    WHERE uuid = ANY(%s::uuid[]) ORDER BY id
"""
AHEAD = 2  # pictures that are loaded before they are needed


@dataclass
class Behind:
    """The site as seen through a proxy."""

    site: Site
    proxy: Proxy
    reports: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.proxy.address

    @property
    def report_uri(self) -> str:
        return self.site.report_uri


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    with Proxy(site.port).running() as running:
        yield running


@pytest.fixture
def windows(browser: Browser, site: Site, proxy: Proxy) -> Iterator[Windows]:
    opened = Windows(browser, Behind(site, proxy))  # type: ignore[arg-type]
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []
    assert site.reports == []


def posts_fail(seen: Seen) -> Fault:
    return Fault.DROP if seen.method == "POST" else Fault.PASS


def nothing_passes(_seen: Seen) -> Fault:
    return Fault.DROP


def ready(person: Volunteer) -> None:
    """Wait until the next pictures and all questions are there: no answer is just being sent."""
    person.page.wait_for_timeout(300)
    expect(person.page.locator("body")).to_have_attribute("data-ahead", str(AHEAD))
    expect(person.page.locator("body")).to_have_attribute("data-questions", "ready")


def answer_and_note(person: Volunteer, count: int) -> list[str]:
    """Classify some galaxies, and return the uuids under which they were answered, in order."""
    uuids = []
    for _ in range(count):
        person.answer_all()
        uuids.append(person.handout)
        person.go_on()
    return uuids


def stored(site: Site, uuids: list[str]) -> list[str]:
    return [row[0] for row in site.rows(ORDER, [uuids])]


def go_online(person: Volunteer) -> None:
    person.page.evaluate("dispatchEvent(new Event('online'))")


def test_done_shows_the_galaxy_ahead_before_the_site_has_answered(windows, site, proxy):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer_all()
    first = ada.handout
    proxy.delay_s = 3

    ada.done.click()

    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first, timeout=1000)
    assert stored(site, [first]) == []
    proxy.heal()
    ada.wait_until_saved()
    assert stored(site, [first]) == [first]
    expect(ada.page.locator("#said")).to_contain_text("Saved: your answer counts.")


def test_twenty_answers_while_nothing_can_be_sent_are_stored_once_and_in_order(
    windows, site, proxy
):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    proxy.rule = posts_fail
    given = answer_and_note(ada, 20)
    expect(ada.page.locator("#waiting-count")).to_have_text("20 answers waiting")
    assert stored(site, given) == []
    ada.page.close()

    ada.page = ada.page.context.new_page()
    proxy.heal()
    ada.start()
    go_online(ada)
    ada.wait_until_saved()

    assert stored(site, given) == given


def test_galaxies_at_hand_can_be_answered_without_any_connection(windows, site, proxy):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    expect(ada.page.locator("body")).to_have_attribute("data-questions", "ready")
    proxy.rule = nothing_passes
    given = answer_and_note(ada, AHEAD)
    ada.answer_all()
    assert ada.page.locator(".summary-step").all_inner_texts() == ada.trail.all_inner_texts()
    given.append(ada.handout)
    ada.done.click()  # the last at hand: there is nothing to go on to

    expect(ada.page.locator("#waiting-count")).to_have_text("3 answers waiting")
    expect(ada.page.locator("#outbox")).to_contain_text("The site cannot be reached")
    expect(ada.page.locator("#outbox")).to_contain_text("are sent by themselves")
    proxy.heal()
    go_online(ada)
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(given[-1])
    ada.wait_until_saved()

    assert stored(site, given) == given
    ada.page.reload()
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "3")


def test_the_line_that_loses_every_third_answer_loses_none(windows, site, proxy):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    proxy.rule = every_third(Fault.LOSE)

    given = answer_and_note(ada, 9)
    wait_for_all(ada)

    assert stored(site, given) == given
    assert sum(post.fault is Fault.LOSE for post in proxy.posts()) >= 3
    ada.page.reload()
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "9")


def test_an_answer_whose_receipt_was_cut_is_sent_again(windows, site, proxy):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    proxy.rule = every_third(Fault.CUT, first=True)

    given = answer_and_note(ada, 1)
    wait_for_all(ada)

    assert stored(site, given) == given
    assert [post.fault for post in proxy.posts()][:2] == [Fault.CUT, Fault.PASS]


def test_tries_come_further_and_further_apart_and_never_at_fixed_times(windows, proxy):
    """The waits of two browsers, by the store that every tab reads them from."""
    waits = [first_waits(windows, proxy, seed) for seed in (1, 2)]
    for own in waits:
        assert all(1.9 <= wait <= 300 for wait in own), own  # a moment has passed since
        assert own[0] <= 4
        assert own[-1] >= 150
        assert all(wait >= 0.9 * 2**number for number, wait in enumerate(own[:7], 1)), own
    assert waits[0] != waits[1]


def first_waits(windows: Windows, proxy: Proxy, seed: int) -> list[float]:
    """Return the waits of ten tries in a row that fail, in seconds, by a clock that is put on."""
    person = windows.volunteer(seed=seed)
    person.page.clock.install()
    person.start()
    ready(person)
    proxy.rule = posts_fail
    n_before = len(proxy.posts())
    answer_and_note(person, 1)
    waits = []
    for number in range(1, 11):
        wait_until(lambda n=number: len(proxy.posts()) >= n_before + n, person.page)
        wait_until(lambda n=number: failures(person)["failures"] == n, person.page)
        wait = failures(person)["at"] / 1000 - person.page.evaluate("Date.now()") / 1000
        waits.append(wait)
        person.page.clock.fast_forward(int(1000 * wait) + 2000)
    proxy.heal()
    return waits


def failures(person: Volunteer) -> dict[str, float]:
    text = person.page.evaluate("localStorage.getItem('outbox')")
    return dict(json.loads(text or '{"failures": 0, "at": 0}'))


def every_third(fault: Fault, *, first: bool = False):
    """Return the rule by which every third answer meets a fault, the first one if asked."""
    count = itertools.count(0 if first else 1)

    def rule(seen: Seen) -> Fault:
        return fault if seen.method == "POST" and next(count) % 3 == 0 else Fault.PASS

    return rule


def wait_for_all(person: Volunteer) -> None:
    """Wait as a patient person does who is told now and then that the line is there."""
    for _ in range(20):
        if not person.n_kept():
            return
        go_online(person)
        person.page.wait_for_timeout(300)
    pytest.fail(f"{person.n_kept()} answers are still waiting.")


# What the site refuses.


def test_a_refused_answer_is_kept_explained_and_can_be_taken_along(windows, site):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer_all()
    refused = ada.handout
    ada.page.locator("input[name=path]").evaluate("field => { field.value = '0' }")
    ada.go_on()
    card = ada.page.locator("#outbox [data-item]")
    expect(card).to_contain_text("could not be saved")
    expect(card).to_contain_text("Answer it")  # the site's own sentence

    ada.page.reload()
    expect(card).to_have_count(1)
    with ada.page.expect_download() as file:
        card.get_by_role("button", name="Download").click()
    (kept,) = json.loads(file.value.path().read_text())

    assert kept["uuid"] == refused
    assert dict(kept["fields"])["path"] == "0"
    assert stored(site, [refused]) == []
    with ada.page.expect_response("**/queue/") as again:
        card.get_by_role("button", name="Try again").click()
    assert again.value.status == 422
    card.get_by_role("button", name="Download").click()
    card.get_by_role("button", name="Forget it").click()
    expect(card).to_have_count(0)
    given = answer_and_note(ada, 1)
    ada.wait_until_saved()
    assert stored(site, given) == given


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 429, 500, 503])
def test_whatever_the_site_says_is_said_and_the_answer_kept(windows, site, status):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.page.route("**/queue/", lambda route: tell(route, status))

    given = answer_and_note(ada, 1)

    words = SENTENCES.get(status, "")
    told = words or re.compile(r"no longer|wrong")
    expect(ada.page.locator("#outbox")).to_contain_text(told, timeout=10_000)
    assert ada.n_kept() == 1
    ada.page.unroute("**/queue/")
    if again := ada.page.locator("#outbox").get_by_role("button", name="Try again").all():
        again[0].click()
    wait_for_all(ada)
    assert stored(site, given) == given


def test_a_page_of_a_network_is_no_receipt(windows, site):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.page.route("**/queue/", lambda route: route.fulfill(status=200, body="<h1>Hotel</h1>"))
    given = answer_and_note(ada, 1)
    expect(ada.page.locator("#outbox")).to_contain_text("1 answer waiting")
    ada.page.unroute("**/queue/")
    wait_for_all(ada)
    assert stored(site, given) == given


# Whose answers they are.

OWNERS = """
    SELECT coalesce(account.username, '') FROM classifications_classification classification
    JOIN accounts_volunteer volunteer ON volunteer.id = volunteer_id
    LEFT JOIN accounts_user account ON account.id = volunteer.user_id
    WHERE classification.uuid = ANY(%s::uuid[]) ORDER BY classification.id
"""


def owners(site: Site, uuids: list[str]) -> list[str]:
    return [row[0] for row in site.rows(OWNERS, [uuids])]


@pytest.fixture
def names() -> list[str]:
    """Accounts that no other test makes."""
    return [f"{name}-{uuid4().hex[:6]}" for name in ("ada", "bob")]


def end_sign_in(person: Volunteer) -> None:
    person.page.context.clear_cookies(name="session")


def test_answers_wait_for_the_sign_in_that_they_were_given_with(windows, site, proxy, names):
    ada = windows.volunteer()
    ada.sign_up(names[0])
    ada.start()
    ready(ada)
    proxy.rule = posts_fail
    given = answer_and_note(ada, 3)
    proxy.heal()
    end_sign_in(ada)
    go_online(ada)
    card = ada.page.locator("#outbox [data-item]")
    expect(card).to_contain_text(f"Answers of {names[0]} wait here (3)")

    ada.sign_up(names[1])  # somebody else
    expect(card).to_contain_text(f"Answers of {names[0]} wait here (3)")
    assert stored(site, given) == []
    ada.start()
    own = answer_and_note(ada, 1)
    wait_until(lambda: stored(site, own) == own, ada.page)
    assert owners(site, own) == [names[1]]
    expect(card).to_contain_text(f"Answers of {names[0]} wait here (3)")

    end_sign_in(ada)
    ada.sign_in(names[0])
    ada.start()
    wait_for_all(ada)
    expect(card).to_have_count(0)
    assert stored(site, given) == given
    assert owners(site, given) == [names[0]] * 3


def test_a_sign_in_in_another_tab_is_asked_about(windows, site, names):
    ada = windows.volunteer()
    ada.sign_up(names[0])
    ada.start()
    ready(ada)
    ada.answer_all()
    other = Volunteer(ada.page.context.new_page())
    end_sign_in(ada)
    other.sign_up(names[1])

    given = answer_and_note(ada, 1)

    card = ada.page.locator("#outbox [data-item]")
    expect(card).to_contain_text(f"Answers of {names[0]} wait here (1)")
    assert stored(site, given) == []


def test_the_token_of_before_a_sign_in_is_replaced(windows, site, names):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer_all()
    other = Volunteer(ada.page.context.new_page())
    other.sign_up(names[0])  # what this browser did becomes hers

    given = answer_and_note(ada, 1)
    wait_for_all(ada)

    assert owners(site, given) == [names[0]]


# What the browser cannot do.


def test_a_browser_that_keeps_nothing_says_so_and_done_waits(windows, site, proxy):
    ada = windows.volunteer()
    ada.page.add_init_script(NO_STORAGE)
    ada.start()
    expect(ada.page.locator("#outbox")).to_contain_text("This browser keeps no answers of its own")
    ada.answer_all()
    first = ada.handout
    proxy.delay_s = 1
    ada.done.click()
    ada.page.wait_for_timeout(500)
    assert ada.handout == first
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)
    assert stored(site, [first]) == [first]


def test_a_full_disk_is_said_at_once_and_done_waits(windows, site):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    line = ada.page.context.new_cdp_session(ada.page)
    line.send("Storage.overrideQuotaForOrigin", {"origin": windows.site.address, "quotaSize": 1})
    ada.answer_all()
    first = ada.handout

    ada.done.click()

    expect(ada.page.locator("#outbox")).to_contain_text("This browser keeps no answers of its own")
    # The next galaxy was there for a moment, until this one came back to wait for the site.
    wait_until(lambda: stored(site, [first]) == [first], ada.page)
    expect(ada.page.locator("form.done input[name=uuid]")).not_to_have_value(first)


def test_without_locks_two_tabs_store_each_answer_once(windows, site, proxy):
    left = windows.volunteer()
    left.page.context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })"
    )
    assert_two_tabs_drain(left, site, proxy)


def test_two_tabs_share_one_sender(windows, site, proxy):
    given = assert_two_tabs_drain(windows.volunteer(), site, proxy)
    sent = [post for post in proxy.posts() if post.fault is Fault.PASS]
    assert len(sent) == len(given)


def assert_two_tabs_drain(left: Volunteer, site: Site, proxy: Proxy) -> list[str]:
    left.start()
    right = Volunteer(left.page.context.new_page(), seed=2)
    right.start()
    ready(left)
    ready(right)
    proxy.rule = posts_fail
    given = [uuid for _ in range(3) for tab in (left, right) for uuid in answer_and_note(tab, 1)]
    proxy.heal()
    go_online(left)
    go_online(right)
    left.wait_until_saved()
    assert stored(site, given) == given
    expect(left.page.locator("#saved-count")).to_have_attribute("data-saved", "6")
    expect(right.page.locator("#saved-count")).to_have_attribute("data-saved", "6")
    return given


# What happens to the server.


def test_twenty_galaxies_through_killed_web_processes(windows, site):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    given = []
    for number in range(20):
        given += answer_and_note(ada, 1)
        if number % 5 == 2:
            site.kill_workers()
    site.wait_until_up()
    wait_for_all(ada)

    assert stored(site, given) == given
    assert "0 differences" in site.manage("recount")
    ada.page.reload()
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "20")


def test_twenty_galaxies_offline_and_back(windows, site):
    ada = windows.volunteer()
    ada.start()
    given = []
    for number in range(20):
        if number % 6 == 4:  # this galaxy and the next, which is here already
            ready(ada)
            ada.page.context.set_offline(offline=True)
        given += answer_and_note(ada, 1)
        if number % 6 == 5:
            ada.page.context.set_offline(offline=False)
    wait_for_all(ada)

    assert stored(site, given) == given
    expect(ada.page.locator("#saved-count")).to_have_attribute("data-saved", "20")


def test_a_deploy_in_between_loses_no_answer(windows, site, proxy):
    """The page is of before; the processes that answer, and their memory, are of after."""
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer_all()
    with ThreadPoolExecutor(1) as pool:
        deployed = pool.submit(site.deploy)
        given = answer_and_note(ada, 2)
        deployed.result()
    given += answer_and_note(ada, 2)
    wait_for_all(ada)
    assert stored(site, given) == given


def test_a_galaxy_that_the_site_has_forgotten_is_answered_all_the_same(windows, site):
    """As after a crash of PostgreSQL, which empties the table of what was handed out."""
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer()
    site.rows("DELETE FROM classifications_handout RETURNING uuid")
    given = answer_and_note(ada, 2)
    wait_for_all(ada)
    assert stored(site, given) == given


def test_a_web_process_that_is_killed_in_the_middle_loses_no_answer(windows, site):
    ada = windows.volunteer()
    ada.start()
    ready(ada)
    ada.answer_all()
    first, before = ada.handout, site.workers()
    with psycopg.connect(site.database.url) as other:
        other.execute(LOCK.encode(), [first])
        ada.go_on()  # the next galaxy is there while the answer waits for its galaxy's tally
        wait_until(lambda: site.rows(WAITS) == [(1,)], ada.page)
        site.kill_workers()
        wait_until(lambda: not set(before) & set(site.workers()), ada.page)
        assert stored(site, [first]) == []
    site.wait_until_up()
    wait_for_all(ada)

    assert stored(site, [first]) == [first]
    assert "0 differences" in site.manage("recount")
