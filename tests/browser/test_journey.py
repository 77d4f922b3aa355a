"""A stranger classifies, signs up and goes on: every answer is there, once, and theirs."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.browser

OF_ACCOUNT = """
    SELECT count(*), count(DISTINCT subject_id), count(*) FILTER (WHERE state = 'counted')
    FROM classifications_standing
    JOIN accounts_volunteer volunteer ON volunteer.id = volunteer_id
    JOIN accounts_user account ON account.id = volunteer.user_id
    WHERE username = %s
"""


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_ten_galaxies_then_an_account_and_ten_more(windows, site, size, has_script):
    name = f"ada-{size['width']}-{'script' if has_script else 'plain'}"
    ada = windows.volunteer(size, java_script_enabled=has_script)
    ada.enter()
    ada.classify(10)

    ada.sign_up(name)
    ada.start()
    ada.classify(10)

    assert site.rows(OF_ACCOUNT, [name]) == [(20, 20, 20)]
    ada.page.goto("/my/")
    expect(ada.page.get_by_text("20 classifications")).to_be_visible()
    expect(ada.page.locator(".wall > li")).to_have_count(20)
    assert "0 differences" in site.manage("recount")
