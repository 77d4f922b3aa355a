"""Gold and people in real browsers: told after Done without a jump; entered, raised, excluded."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.volunteer import PASSWORD, Volunteer

pytestmark = pytest.mark.browser
SLUG = "known"
WORDS = "Look at the faint outskirts."

# A draft, so that no other test meets it; every galaxy is gold, and smooth to the experts.
SETUP = f"""
from webapp.accounts.models import Role, User
from webapp.classifications import exclusion, gold
from webapp.consensus.admission import admit_next_chunk
from webapp.subjects import links
from webapp.subjects.models import SubjectSet
from webapp.workflows import services
from webapp.workflows.models import TreeVersion
tree = TreeVersion.objects.get(key="galaxy-zoo-2")
dora = User.objects.create_user("dora", "dora@example.org", "{PASSWORD}", role=Role.SCIENTIST)
known = services.create_workflow(name="{SLUG}", tree=tree, owner=dora)
links.link_set(workflow=known, subject_set=SubjectSet.objects.first(), by=dora)
while admit_next_chunk(): pass
for galaxy in gold.subjects_of(known).order_by("pk")[:60]:
    gold.put_gold(workflow=known, subject=galaxy, by=dora, shares={{0: 1.0}}, words="{WORDS}")
"""
RAISE = f"""
from webapp.accounts.models import Volunteer
from webapp.classifications import exclusion
from webapp.workflows.models import Workflow
volunteer = Volunteer.objects.filter(user__username="dora").first()
known = Workflow.objects.get(slug="{SLUG}")
exclusion.raise_suspicion(workflow_id=known.pk, volunteer_id=volunteer.pk, words="Too fast.")
"""
RATE = f"""
from webapp.accounts.models import User
from webapp.workflows.gold_rate import change_gold_rate
from webapp.workflows.models import Workflow
change_gold_rate(workflow=Workflow.objects.get(slug="{SLUG}"), steps=[[0, 1.0]],
                 by=User.objects.get(username="dora"))
"""


@pytest.fixture(scope="module", autouse=True)
def known(site) -> None:
    """A draft campaign of Dora's."""
    if not site.rows("SELECT FROM workflows_workflow WHERE slug = %s", [SLUG]):
        site.manage("shell", "-c", SETUP)
        site.manage("shell", "-c", RATE)


def dora(windows, size=DESKTOP, **options) -> Volunteer:
    person: Volunteer = windows.volunteer(size, **options)
    person.page.goto("/accounts/login/")
    person.page.locator("input[name=login]").fill("dora")
    person.page.locator("input[name=password]").fill(PASSWORD)
    person.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(person.page.get_by_text("dora").first).to_be_attached()
    return person


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_feedback_comes_after_done_and_moves_no_button(windows, size, has_script):
    person = dora(windows, size, java_script_enabled=has_script)
    person.page.goto(f"/c/{SLUG}/classify/")
    expect(person.page.locator(".feedback")).to_have_count(0)
    before = person.answers.first.bounding_box()
    person.answer(2)  # an artifact, and no more questions
    person.press_done()

    told = person.page.locator(".feedback")
    expect(told).to_contain_text("You: Star or artifact. Experts: Smooth.")
    expect(told).to_contain_text(WORDS)
    after = person.answers.first.bounding_box()
    if has_script:  # without, the site's words stand above
        assert after == before
    person.answer(1)
    expect(told).to_contain_text(WORDS)
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_owners_pages_fit_and_lead_through(windows, site, size, scheme):
    page = dora(windows, size, color_scheme=scheme).page
    root = f"/manage/campaigns/{SLUG}/"
    for part in ("gold/", "gold/file/", "gold/rate/", "people/"):
        page.goto(root + part)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert "{#" not in page.locator("main").inner_text()
        expect(page.locator(".tabs a[aria-current]")).to_have_count(1)

    page.goto(root + "gold/")
    page.get_by_role("link", name="Change HDF").first.click()
    page.get_by_label("Features or disk").fill("0.3")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("form [role=alert]")).to_contain_text("sum to 1.3")
    page.get_by_label("Smooth").fill("0.7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Smooth 70 %, Features or disk 30 %")).to_be_visible()
    page.get_by_role("link", name="Change HDF").first.click()
    page.get_by_label("Smooth").fill("1")
    page.get_by_label("Features or disk").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved what experts say")).to_be_visible()


def test_somebody_is_excluded_and_taken_back(windows, site):
    person = dora(windows)
    person.page.goto(f"/c/{SLUG}/classify/")
    person.answer(2)
    person.press_done()
    site.manage("shell", "-c", RAISE)
    page, root = person.page, f"/manage/campaigns/{SLUG}/"

    page.goto(root + "people/")
    expect(page.get_by_text("Too fast.")).to_be_visible()
    page.get_by_role("link", name="Exclude dora").click()
    page.get_by_label("Reason").fill("a bot")
    page.get_by_role("button", name="Exclude").click()
    page.get_by_role("link", name="Excluded 1").click()
    expect(page.get_by_text("dora: a bot")).to_be_visible()
    page.get_by_role("link", name="Keep dora").click()
    page.get_by_label("Reason").fill("no bot")
    page.get_by_role("button", name="Keep").click()
    page.goto(root + "history/")
    expect(page.get_by_text("excluded_volunteer")).to_be_visible()
    expect(page.get_by_text("dismissed_volunteer")).to_be_visible()

    page.goto(root + "people/")
    page.get_by_role("button", name="Weigh anew now").click()
    expect(page.locator("#weighing")).to_contain_text("Everybody is being weighed anew")
    page.get_by_role("link", name="Reload to see").focus()  # polling leaves it where it is
    site.manage("reweigh", "--campaign", SLUG)
    expect(page.locator("#weighing")).to_contain_text("Last weighed")
