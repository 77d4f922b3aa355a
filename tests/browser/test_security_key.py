"""A security key as the second factor, with a key that Chromium plays."""

import itertools
import os
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import DESKTOP, named
from tests.browser.test_everyone import wrong_now, wrong_with
from tests.browser.volunteer import PASSWORD, Volunteer

pytestmark = pytest.mark.browser
KEY = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
INDEX = "/accounts/second-factor/"
NUMBERS = itertools.count()


def plug_in(person: Volunteer) -> CDPSession:
    """Give this person's window a key, which is touched whenever it is asked."""
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    return session


def go_out(person: Volunteer, name: str) -> None:
    """Sign out, and send the password as somebody who comes back."""
    person.page.goto("/accounts/logout/")
    person.page.locator("main").get_by_role("button", name="Sign out").click()
    ask(person, name)


def ask(person: Volunteer, name: str) -> None:
    """Send name and password."""
    person.page.goto("/accounts/login/")
    person.page.locator("input[name=login]").fill(name)
    person.page.locator("input[name=password]").fill(PASSWORD)
    person.page.locator("main").get_by_role("button", name="Sign in").click()
    expect(person.page.get_by_role("heading", name="Second factor")).to_be_visible()


@pytest.fixture
def ada(windows, site):
    """Somebody who has just added a key."""
    ada = windows.volunteer(DESKTOP, base_url=named(site.address))
    ada.name = f"ada-{os.getpid()}-{next(NUMBERS)}"
    plug_in(ada)
    ada.sign_up(ada.name)
    site.rows("UPDATE account_emailaddress SET verified = true RETURNING id")
    ada.confirm()
    ada.page.goto(f"{INDEX}webauthn/add/")
    ada.page.get_by_label("Name of the key").fill("The blue one")
    ada.page.get_by_role("button", name="Add it").click()
    expect(ada.page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return ada


def test_a_key_signs_in_beside_the_password_and_confirms_who_it_is(ada):
    go_out(ada, ada.name)
    use = ada.page.get_by_role("button", name="Use a security key")
    use.click()
    expect(ada.page.get_by_text(ada.name).first).to_be_attached()
    ada.page.goto(f"{INDEX}webauthn/reauthenticate/?next={INDEX}webauthn/")
    use.click()
    expect(ada.page.get_by_role("heading", name="The blue one")).to_be_visible()
    expect(ada.page.get_by_text("Last used")).to_be_visible()


def test_a_key_is_renamed_and_removed(ada):
    ada.page.goto(f"{INDEX}webauthn/")
    ada.page.get_by_role("link", name="Rename The blue one").click()
    ada.page.get_by_label("Name of the key").fill("The red one")
    ada.page.get_by_role("button", name="Save").click()
    ada.page.get_by_role("link", name="Remove The red one").click()
    ada.page.get_by_role("button", name="Remove it").click()
    expect(ada.page.get_by_text("None is set up.")).to_be_visible()


def test_a_key_is_added_once(ada):
    ada.page.goto(f"{INDEX}webauthn/add/")
    ada.page.get_by_role("button", name="Add it").click()
    expect(ada.alert).to_contain_text("This key has been added already.")


def test_at_an_address_without_a_name_is_said_that_keys_need_one(windows, ada):
    at_a_number = windows.volunteer(DESKTOP)
    ask(at_a_number, ada.name)
    at_a_number.page.get_by_role("button", name="Use a security key").click()
    expect(at_a_number.alert).to_contain_text("A security key works only at an address with a name")


def test_an_answer_of_a_key_is_good_once(ada):
    go_out(ada, ada.name)
    with ada.page.expect_request(lambda request: request.method == "POST") as sent:
        ada.page.get_by_role("button", name="Use a security key").click()
    expect(ada.page.get_by_text(ada.name).first).to_be_attached()
    (answer,) = parse_qs(sent.value.post_data)["credential"]
    go_out(ada, ada.name)
    field = ada.page.locator("input[name=credential]")
    field.evaluate("(field, answer) => { field.value = answer; field.form.submit(); }", answer)
    expect(ada.page.get_by_text("This code or key is not right.")).to_be_visible()


def test_axe_finds_nothing_on_the_pages_of_keys(ada):
    pages = ["", "webauthn/", "webauthn/add/", "webauthn/reauthenticate/"]
    assert [each for page in pages for each in wrong_with(ada.page, INDEX + page)] == []
    go_out(ada, ada.name)
    assert wrong_now(ada.page) == []
