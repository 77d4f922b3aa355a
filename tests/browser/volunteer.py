"""A person at the screen: looks, chooses, presses; waits for what a person would wait for."""

import random
import re
import uuid
from urllib.parse import unquote

from playwright.sync_api import Locator, Page, expect

from tests.browser.site import SLUG

PASSWORD = "a long password"
KEPT = "window.outbox?.all ? outbox.all().then((all) => all.length, () => 0) : 0"


class Volunteer:
    """Somebody in one tab of one browser."""

    def __init__(self, page: Page, seed: int = 1) -> None:
        self.page = page
        self.choice = random.Random(seed)

    @property
    def question(self) -> Locator:
        """The heading of the question that waits."""
        return self.page.locator("#question-text")

    @property
    def heading(self) -> Locator:
        """The heading of the galaxy, which a new one brings."""
        return self.page.locator("#galaxy-heading")

    @property
    def answers(self) -> Locator:
        """The buttons that answer the question."""
        return self.page.locator("button.answer")

    @property
    def trail(self) -> Locator:
        """The answers given so far."""
        return self.page.locator(".trail-step")

    @property
    def done(self) -> Locator:
        """The button that stores the answers."""
        return self.page.get_by_role("button", name="Done")

    @property
    def alert(self) -> Locator:
        """The region where failures are said."""
        return self.page.locator("#alert")

    @property
    def picture(self) -> str:
        """The address of the galaxy's picture."""
        return str(self.page.locator(".galaxy img").get_attribute("src"))

    @property
    def handout(self) -> str:
        """The id under which the answers will be stored."""
        return self.page.locator("form.done input[name=uuid]").input_value()

    @property
    def browser_id(self) -> uuid.UUID:
        """The id that the site has given this browser."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self.page.context.cookies()}
        return uuid.UUID(unquote(cookies["browser"]).split(":")[0])

    def start(self) -> None:
        """Open the classify page."""
        self.page.goto(f"/c/{SLUG}/classify/")
        self.see_first()

    def enter(self) -> None:
        """Come to the classify page by the button of the home page."""
        self.page.goto("/")
        self.page.locator(f'main a.button[href="/c/{SLUG}/classify/"]').click()
        self.see_first()

    def see_first(self) -> None:
        """Wait for the page of the first galaxy, which the entrance leads to."""
        self.page.wait_for_url("**/classify/*-*/")  # the galaxy's own
        expect(self.done).to_be_visible()

    def answer(self, number: int | None = None) -> None:
        """Press an answer, one at random unless its number is given, and see it in the trail."""
        before, n_answers = self.trail.count(), self.answers.count()
        chosen = self.choice.randrange(n_answers) if number is None else number
        self.answers.nth(chosen).click()
        expect(self.trail).to_have_count(before + 1)

    def answer_all(self) -> None:
        """Answer every question of this galaxy, at random."""
        while self.done.is_disabled():
            self.answer()

    def press_done(self) -> None:
        """Store the answers, see the next galaxy, and wait until the site has them."""
        self.go_on()
        self.wait_until_saved()

    def go_on(self) -> None:
        """Press Done and see the next galaxy; the answers may still be on their way.

        A process that was killed takes a while to come back, and a request waits for it.
        """
        before, shown = self.handout, self.page.locator("form.done input[name=uuid]")
        self.done.click()
        expect(shown).not_to_have_value(before, timeout=30_000)

    def wait_until_saved(self) -> None:
        """Return when the site has acknowledged every answer of this browser."""
        while self.n_kept():
            self.page.wait_for_timeout(20)

    def n_kept(self) -> int:
        """Return how many answers this browser keeps that the site has not acknowledged."""
        return int(self.page.evaluate(KEPT))

    def classify(self, count: int) -> None:
        """Classify some galaxies."""
        for _ in range(count):
            self.answer_all()
            self.press_done()

    def sign_up(self, name: str) -> None:
        """Make an account by the form, from wherever this person is."""
        self.page.goto("/accounts/signup/")
        self.page.get_by_label("Public name").fill(name)
        self.page.get_by_label("E-mail address").fill(f"{name}@example.org")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("I have read the terms").check()
        self.page.get_by_role("button", name="Create the account").click()
        expect(self.page.get_by_text(name).first).to_be_attached()

    def sign_in(self, name: str) -> None:
        """Sign in by the form."""
        self.page.goto("/accounts/login/")
        self.page.locator("input[name=login]").fill(name)
        self.page.locator("input[name=password]").fill(PASSWORD)
        self.page.locator("main form button[type=submit]").click()
        expect(self.page.get_by_text(name).first).to_be_attached()

    def confirm(self) -> None:
        """Give the password once more, for what an open window alone may not do."""
        self.page.goto("/accounts/reauthenticate/?next=/my/account/delete/")
        self.page.locator("input[name=password]").fill(PASSWORD)
        self.page.locator("main form button[type=submit]").click()
        expect(self.page).to_have_url(re.compile("/my/account/delete/$"))
