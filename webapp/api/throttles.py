"""How often one token, one person or one address may ask; who asks more often is told to wait."""

import math
from typing import Any, cast

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from webapp.api.models import AccessToken
from webapp.common.limits import counters

MINUTE_S = 60


class _Throttle(SimpleRateThrottle):
    """Counts the requests of each minute in the site's counters.

    One number a minute, where the framework would keep the time of every request.
    """

    def get_rate(self) -> str:
        """Return the limit as the framework writes it."""
        return f"{self.per_minute()}/minute"

    def per_minute(self) -> int:
        """Return how many requests a minute are answered."""
        raise NotImplementedError

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count a request, and say whether it is answered."""
        self.now = self.timer()
        key = f"{self.get_cache_key(request, view)}-{self.now // MINUTE_S:.0f}"
        return counters().count(key, MINUTE_S) <= self.per_minute()

    def wait(self) -> float:
        """Return after how many seconds to come again, one at least."""
        return max(1.0, MINUTE_S - self.now % MINUTE_S)


class ApiThrottle(_Throttle):
    """Counts by token, else by person, else by address."""

    def per_minute(self) -> int:
        """Return how many requests of the API a minute are answered."""
        return int(settings.API_REQUESTS_PER_MINUTE)

    def get_cache_key(self, request: Request, view: Any) -> str:  # noqa: ARG002
        """Return the name of the counter: the token's, or the person's."""
        if isinstance(request.auth, AccessToken):
            return f"api-token-{request.auth.pk}"
        return f"api-user-{request.user.pk}"


class StrangerThrottle(ApiThrottle):
    """Counts by address what comes without a token that is good."""

    def get_cache_key(self, request: Request, view: Any) -> str:  # noqa: ARG002
        """Return the name of the counter."""
        return f"api-address-{address_of(request._request)}"  # noqa: SLF001 - DRF offers no other


class ConeThrottle(_Throttle):
    """Counts cone searches by address, since they need no account."""

    def per_minute(self) -> int:
        """Return how many searches a minute are answered."""
        return int(settings.CONE_SEARCHES_PER_MINUTE)

    def wait_for(self, request: HttpRequest) -> int:
        """Count a search; return 0, or after how many seconds to come again."""
        is_allowed = self.allow_request(cast("Request", request), cast("Any", None))
        return 0 if is_allowed else math.ceil(self.wait())

    def get_cache_key(self, request: Any, view: Any) -> str:  # noqa: ARG002
        """Return the name of the counter."""
        return f"cone-address-{address_of(request)}"


def address_of(request: HttpRequest) -> str:
    """Return a keyed hash of an address, as the limits of sign-in count it: none is stored."""
    return str(get_adapter().get_client_ip(request))
