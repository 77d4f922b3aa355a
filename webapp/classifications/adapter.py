"""Signing in and out: the browser's history goes to whoever signs in, and to nobody else."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from webapp.accounts.identity import browser_of, renew_browser
from webapp.accounts.models import User
from webapp.classifications import services


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's adapter, with the claim of this browser's history."""

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, claim what this browser classified, and give the browser a new id."""
        browser = browser_of(request)
        super().login(request, user)
        if browser is not None:
            services.claim_history(user=user, browser=browser)
        renew_browser(request)

    def logout(self, request: HttpRequest) -> None:
        """Sign out; whoever sits here next has no history."""
        super().logout(request)
        renew_browser(request)
