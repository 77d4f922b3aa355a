"""A scientist makes a token, uses it, revokes it, and reads what programs can ask for."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import SLUG, Site

pytestmark = pytest.mark.browser
ROOM = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def asked(site: Site, key: str) -> tuple[int, dict[str, Any]]:
    """What the API answers to a program with this key."""
    place = f"{site.address}/api/workflows/{SLUG}/consensus/?limit=2&columns=source_id"
    request = urllib.request.Request(place, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_token_is_made_used_and_revoked(windows, site, size, has_script):
    name = f"asks-{size['width']}-{'script' if has_script else 'plain'}"
    ada = windows.volunteer(size, java_script_enabled=has_script)
    ada.sign_up(name)
    site.manage("set_role", name, "scientist")
    page = ada.page

    page.goto("/accounts/profile/")
    page.get_by_role("link", name="Tokens for programs").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make the token").click()
    key = page.get_by_role("status").locator("code").inner_text()
    assert page.evaluate(ROOM)
    status, answer = asked(site, key)
    assert status == 200
    assert len(answer["results"]) == 2

    page.get_by_role("button", name="Revoke laptop").click()
    expect(page.get_by_text("revoked", exact=True)).to_be_visible()
    status, answer = asked(site, key)
    assert status == 401
    assert "was revoked on" in answer["detail"]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_documentation_is_a_page_of_this_site(windows, size):
    page = windows.open(size)
    page.goto("/api/docs/")
    page.get_by_role("link", name="GET /api/workflows/{slug}/subjects/").click()
    section = page.locator("#subjects")
    expect(section.get_by_role("rowheader", name="radius_deg")).to_be_visible()
    section.get_by_text("Status codes").click()
    expect(section.get_by_text("Too many requests")).to_be_visible()
    assert page.evaluate(ROOM)
