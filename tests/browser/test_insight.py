"""The owner's figures in a real browser, of a crowd with clickers among it."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.volunteer import PASSWORD

pytestmark = pytest.mark.browser
SLUG = "figures"

SETUP = f"""
from webapp.accounts.models import Role, User
from webapp.classifications import reweigh, simulation
from webapp.classifications.insight import measure_insight
from webapp.common import work
from webapp.consensus.admission import admit_next_chunk
from webapp.consensus.models import Consensus
from webapp.subjects import links
from webapp.subjects.models import SubjectSet
from webapp.workflows import services
from webapp.workflows.models import TreeVersion, Workflow
tree = TreeVersion.objects.get(key="galaxy-zoo-2")
erin = User.objects.create_user("erin", "erin@example.org", "{PASSWORD}", role=Role.SCIENTIST)
campaign = services.create_workflow(name="{SLUG}", tree=tree, owner=erin, summary="s", text="t")
links.link_set(workflow=campaign, subject_set=SubjectSet.objects.first(), by=erin)
while admit_next_chunk(): pass
services.change_rule(workflow=campaign, by=erin, rule={{"format": 2, "votes": 12, "certainty": {{
    "probability": 0.9, "votes": 4, "questions": ["smooth-or-featured"]}}}})
services.launch_workflow(workflow=Workflow.objects.get(pk=campaign.pk), lines=[], by=erin)
campaign = Workflow.objects.get(pk=campaign.pk)
for _ in simulation.simulate(
    workflow=campaign, n_volunteers=20, n_classifications=800, seed=4, n_clickers=2): pass
row = work.claim(reweigh.start_reweighing(workflow=campaign))
work.run(row, reweigh.run_reweighing)
for place, row in enumerate(Consensus.objects.filter(workflow=campaign, n_classifications__gt=4)):
    Consensus.objects.filter(pk=row.pk).update(prior=[2.0 + votes for votes in row.votes])
measure_insight(campaign, is_rationed=False)
services.pause_workflow(workflow=campaign, by=erin)
"""


@pytest.fixture(scope="module", autouse=True)
def figures(site) -> None:
    """A paused campaign of Erin's that 20 simulated people have classified, two of them blindly."""
    if not site.rows("SELECT FROM workflows_workflow WHERE slug = %s", [SLUG]):
        site.manage("shell", "-c", SETUP)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_figures_are_seen_and_fit(windows, size, scheme):
    page = windows.open(size, color_scheme=scheme)
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill("erin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto(f"/manage/campaigns/{SLUG}/insight/")
    expect(page.get_by_text("instead of 12")).to_be_visible()
    expect(page.get_by_text("sure enough")).to_be_visible()
    expect(page.get_by_role("img", name="Volunteers by weight")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_text("As a table").last.click()
    if folder := os.environ.get("SCREENSHOTS"):
        name = f"insight-{size['width']}-{scheme}.png"
        page.screenshot(path=str(Path(folder) / name), full_page=True)

    page.goto(f"/manage/campaigns/{SLUG}/people/")
    expect(page.get_by_text("reading takes at least").first).to_be_visible()
    assert page.get_by_role("link", name=re.compile("^Exclude browser")).count() == 2
