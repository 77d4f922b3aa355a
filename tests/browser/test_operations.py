"""The operators' page in a real browser: three questions at a glance, and it follows by itself."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.site import SLUG
from tests.browser.test_everyone import DESKTOP, ROOM, SHOTS, complaints

pytestmark = pytest.mark.browser
PLACE = "/manage/operations/"
REFRESH = 'htmx.trigger("#now", "refresh")'
# Who fails here, and how: two pieces of work; a worker that lives and one that fell silent.
SETUP = """
from datetime import timedelta
from django.utils import timezone
from webapp.common.models import Process
from webapp.classifications.insight import measure_insight
from webapp.classifications.models import Insight, Recount, Reweighing
from webapp.consensus.models import Progress
from webapp.workflows.models import Workflow
now = timezone.now()
campaign = Workflow.objects.get(slug="hubble-deep-field")
Workflow.objects.filter(pk=campaign.pk).update(launched_at=now - timedelta(days=30))
days = [(now.date() - timedelta(days=14 - n)).isoformat() for n in range(14)]
measure_insight(campaign, is_rationed=False)
figures = Insight.objects.get(workflow=campaign).figures | {
    "days": [[day, 90 + n % 7, 80 + n % 7] for n, day in enumerate(days)],
    "toward": [[day, 80 + n % 7] for n, day in enumerate(days)]}
Insight.objects.filter(workflow=campaign).update(figures=figures)
for kind, name, seen in [("worker", "celery@north", 0), ("worker", "celery@south", 300),
        ("scorer", "scorer@north", 0), ("beat", "beat@north.7", 0)]:
    Process.objects.create(kind=kind, name=name, doing="run_exports" if kind == "worker" else "",
        started_at=now - timedelta(hours=5), seen_at=now - timedelta(seconds=seen))
for number in range(2):
    Reweighing.objects.create(workflow=campaign, status="failed", finished_at=now,
        error="The disk is full: make space, then retry.", traceback="OSError: [Errno 28]\\n" * 40)
Reweighing.objects.create(workflow=campaign, status="running", n_done=70, n_total=200,
    started_at=now - timedelta(minutes=3), lease_expires_at=now + timedelta(hours=1))
Recount.objects.create(workflow=campaign, status="done", n_done=300, finished_at=now)
"""
FAIL = """
    INSERT INTO classifications_reweighing (status, token, attempts, n_done, error, traceback,
        workflow_id, last_classification_id, last_subject_id, n_volunteers, n_changed, n_suspects,
        n_recounted, n_retired, n_reopened, finished_at)
    SELECT 'failed', 0, 5, 0, 'The newest failure.', 'Traceback', id, 0, 0, 0, 0, 0, 0, 0, 0, now()
    FROM workflows_workflow WHERE slug = %s RETURNING id
"""


ALIVE = "UPDATE common_process SET seen_at = now() WHERE name <> 'celery@south' RETURNING id"


@pytest.fixture(scope="module", autouse=True)
def faults(site) -> None:
    """A site that somebody has to look after."""
    if not site.rows("SELECT FROM common_process WHERE name = 'celery@south'"):
        site.manage("shell", "-c", SETUP)


@pytest.fixture(autouse=True)
def alive(site, faults) -> None:
    """All processes but one have just spoken."""
    site.rows(ALIVE)


@pytest.fixture
def vera(windows, site):
    """Return what opens a window of an administrator's."""

    def opened(size=DESKTOP, **options):
        name = f"vera-{len(windows.contexts)}-{os.getpid()}-{size['width']}-{len(options)}"
        volunteer = windows.volunteer(size, **options)
        if site.rows("SELECT FROM accounts_user WHERE username = %s", [name]):
            volunteer.sign_in(name)
        else:
            volunteer.sign_up(name)
            site.manage("set_role", name, "admin")
        volunteer.page.goto(PLACE)
        return volunteer.page

    return opened


def test_what_needs_somebody_comes_first_and_is_seen_in_every_window(vera):
    page = vera()
    first = page.locator("#running")
    expect(first).to_contain_text("celery@south fell silent")
    expect(first).to_contain_text("pieces of work have failed")
    expect(page.locator("#campaigns")).to_contain_text("if days stay like the last 14")
    expect(page.locator("#work")).to_contain_text("70 / 200, 35 %")
    assert complaints(page) == []
    for name, size in SHOTS.items():
        for theme in ("night", "paper"):
            page.set_viewport_size(size)
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert page.evaluate(ROOM), name
            if folder := os.environ.get("SCREENSHOTS"):
                path = Path(folder) / f"operations-{name}-{theme}.png"
                page.screenshot(path=str(path), full_page=True)


def test_it_follows_in_place(vera, site):
    page = vera()
    details = page.locator("#failed details").first
    details.locator("summary").click()
    log = details.locator("pre")
    log.evaluate("each => { each.scrollTop = 50; window.kept = each; }")
    retry = page.locator("#failed button").first
    retry.focus()
    page.evaluate("window.button = document.activeElement; window.top = scrollY")

    with page.expect_response(lambda answer: answer.url.endswith("/operations/now/")):
        pass  # by itself, within seconds
    ((pk,),) = site.rows(FAIL, [SLUG])
    page.evaluate(REFRESH)
    expect(page.get_by_text("The newest failure.")).to_be_visible()

    assert page.evaluate("document.activeElement === window.button")
    assert page.evaluate("window.kept.isConnected && window.kept.scrollTop") == 50
    assert page.evaluate("window.kept.closest('details').open")
    assert page.evaluate("document.querySelector('#now').hasAttribute('aria-busy')") is False

    page.locator(f"[id='failed-classifications.reweighing-{pk}'] button").focus()
    site.rows("DELETE FROM classifications_reweighing WHERE id = %s RETURNING id", [pk])
    page.evaluate(REFRESH)
    expect(page.get_by_text("The newest failure.")).to_have_count(0)
    expect(page.locator("#main")).to_be_focused()
    assert page.evaluate("window.kept.closest('details').open")


def test_a_hidden_page_asks_for_nothing_until_it_is_seen(vera):
    page = vera()
    page.locator("#main").focus()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("""
        Object.defineProperty(document, "hidden", {get: () => window.isHidden, configurable: true});
        window.isHidden = true;
    """)
    page.wait_for_timeout(6_000)
    assert asked == []
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    assert [url.rpartition("/manage")[2] for url in asked] == ["/operations/now/"]


def test_who_is_signed_out_elsewhere_is_asked_to_sign_in(vera):
    page = vera()
    page.context.clear_cookies()
    page.evaluate(REFRESH)
    expect(page.locator("input[name=login]")).to_be_visible()


def test_a_retry_needs_no_script(vera, site):
    page = vera(java_script_enabled=False)
    ((pk,),) = site.rows(FAIL, [SLUG])
    page.goto(PLACE)
    page.locator(f"[id='failed-classifications.reweighing-{pk}']").get_by_role("button").click()
    expect(page.get_by_text("It is tried again within half a minute.")).to_be_visible()
    state = "SELECT status FROM classifications_reweighing WHERE id = %s"
    assert site.rows(state, [pk]) == [("pending",)]


def test_a_failure_is_said_until_the_page_follows_again(vera):
    page = vera()
    alert = page.locator("#alert")
    page.route("**/operations/now/", lambda route: route.fulfill(status=503, body="<p>"))
    page.evaluate(REFRESH)
    expect(alert).to_contain_text("Saving is paused")
    page.unroute("**/operations/now/")
    page.evaluate(REFRESH)
    expect(alert).to_be_empty()
