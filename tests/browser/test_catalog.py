"""The catalog and a galaxy's page in a real browser, as a stranger and as a scientist."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.volunteer import PASSWORD

pytestmark = pytest.mark.browser
SLUG = "seen"
TABLET = {"width": 820, "height": 1180}
SIZES = pytest.mark.parametrize(
    "size", [PHONE, TABLET, DESKTOP], ids=["phone", "tablet", "desktop"]
)
SCHEMES = pytest.mark.parametrize("scheme", ["dark", "light"])

SETUP = f"""
from webapp.accounts.models import Role, User
from webapp.classifications import simulation
from webapp.consensus.admission import admit_next_chunk
from webapp.consensus.models import Consensus
from webapp.explore import editions
from webapp.subjects import links
from webapp.subjects.models import Subject, SubjectSet
from webapp.workflows import services
from webapp.workflows.models import TreeVersion, Workflow
tree = TreeVersion.objects.get(key="galaxy-zoo-2")
fay = User.objects.create_user("fay", "fay@example.org", "{PASSWORD}", role=Role.SCIENTIST)
campaign = services.create_workflow(name="{SLUG}", tree=tree, owner=fay, summary="s", text="t")
links.link_set(workflow=campaign, subject_set=SubjectSet.objects.first(), by=fay)
while admit_next_chunk(): pass
for number, galaxy in enumerate(Subject.objects.order_by("pk")[:150]):
    Subject.objects.filter(pk=galaxy.pk).update(
        ra_deg=(7.3 * number) % 360, dec_deg=-30 + number % 70, healpix=1, pixel_scale_arcsec=0.06)
services.change_rule(workflow=campaign, by=fay, rule={{"format": 1, "votes": 8, "artifact": None}})
services.launch_workflow(workflow=Workflow.objects.get(pk=campaign.pk), lines=[], by=fay)
campaign = Workflow.objects.get(pk=campaign.pk)
for _ in simulation.simulate(
    workflow=campaign, n_volunteers=20, n_classifications=1200, seed=4): pass
for place, row in enumerate(Consensus.objects.filter(workflow=campaign, n_classifications__gt=4)):
    Consensus.objects.filter(pk=row.pk).update(prior=[2.0 + votes for votes in row.votes])
editions.refresh_editions(deadline_s=float("inf"))
services.pause_workflow(workflow=campaign, by=fay)
"""


@pytest.fixture(scope="module", autouse=True)
def catalog(site) -> None:
    """A paused campaign of Fay's with a catalog, whose galaxies have mostly retired."""
    if not site.rows("SELECT FROM workflows_workflow WHERE slug = %s", [SLUG]):
        site.manage("shell", "-c", SETUP)


def sign_in(page) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill("fay")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def keep(page, name, size, scheme) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    if folder := os.environ.get("SCREENSHOTS"):
        path = Path(folder) / f"{name}-{size['width']}-{scheme}.png"
        page.screenshot(path=str(path), full_page=True)


@SIZES
@SCHEMES
def test_a_stranger_finds_galaxies_and_looks_at_one(windows, size, scheme):
    page = windows.open(size, color_scheme=scheme)
    page.goto("/catalog/")
    keep(page, "catalogs", size, scheme)
    page.get_by_role("main").get_by_role("link", name=SLUG).click()
    expect(page.get_by_text("It lists galaxies that have retired")).to_be_visible()
    keep(page, "catalog-pictures", size, scheme)
    page.get_by_text("By a column").click()
    page.locator("#column").fill("frac_smooth_or_featured_smooth")
    page.locator("#from").fill("0.5")
    page.get_by_role("button", name="Filter").first.click()
    expect(page.get_by_text("frac_smooth_or_featured_smooth is at least 0.5")).to_be_visible()
    assert page.url.endswith("?frac_smooth_or_featured_smooth=0.5..")
    page.locator(".wall a").first.click()
    expect(page.get_by_role("heading", name="Who says what")).to_be_visible()
    keep(page, "galaxy-stranger", size, scheme)


@SIZES
@SCHEMES
def test_a_scientist_sees_tables_histograms_and_the_sky(windows, size, scheme):
    page = windows.open(size, color_scheme=scheme)
    sign_in(page)
    page.goto(f"/catalog/{SLUG}/?sort=-disagreement&n_classifications=1..")
    keep(page, "catalog-disagreement", size, scheme)
    views = page.get_by_role("navigation", name="Ways to look at them")
    views.get_by_role("link", name="Table").click()
    expect(page.get_by_role("columnheader", name="disagreement")).to_be_visible()
    keep(page, "catalog-table", size, scheme)
    views.get_by_role("link", name="Histogram").click()
    page.get_by_text("As a table").click()
    keep(page, "catalog-histogram", size, scheme)
    views.get_by_role("link", name="Sky map").click()
    expect(page.locator(".sky-cell").first).to_be_visible()
    keep(page, "catalog-map", size, scheme)
    page.locator(".sky a").first.click()
    expect(page.get_by_text("within")).to_be_visible()


def test_a_filter_that_is_none_is_told_and_left_behind(windows):
    page = windows.open()
    page.goto(f"/catalog/{SLUG}/?frac_gone=0.2..&n_classifications=1..")
    expect(page.get_by_role("alert").filter(has_text="frac_gone")).to_be_visible()
    page.get_by_role("link", name="Go on without it").click()
    expect(page.get_by_text("n_classifications is at least 1")).to_be_visible()
    keep(page, "catalog-refused", DESKTOP, "dark")


def test_who_has_not_classified_a_galaxy_sees_no_votes(windows, site):
    (pk,) = site.rows(
        "SELECT subject_id FROM consensus_consensus JOIN workflows_workflow w ON w.id = workflow_id"
        " WHERE slug = %s AND retired_at IS NULL LIMIT 1", [SLUG]
    )[0]  # fmt: skip
    page = windows.open(PHONE)
    page.goto(f"/look/{SLUG}/g/{pk}/")
    expect(page.get_by_role("heading", name="comes after your own look")).to_be_visible()
    keep(page, "galaxy-hidden", PHONE, "dark")
