"""Who was told to wait is refused at once until then, and costs no database.

A program that sends a hundred answers a second sends a hundred a second of refused ones too, and
each would take locks, a transaction and a page. Each web process remembers for itself.
"""

import math
import re
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from webapp.accounts.identity import browser_of, identity_of
from webapp.classifications.services import TooFast

MOST = 10_000  # people who are remembered
View = Callable[..., HttpResponse]
Handler = Callable[[HttpRequest], HttpResponse]
_STORES = re.compile(r"/c/[^/]+/(submit|queue)/$")  # the addresses of patient views
now_s = time.monotonic


class Waits:
    """Until when, by a clock that nobody sets, which volunteers are to wait."""

    def __init__(self) -> None:
        self._until_s: dict[uuid.UUID, float] = {}

    def note(self, holder: uuid.UUID, wait_s: float) -> None:
        """Remember that somebody was told to wait."""
        if len(self._until_s) >= MOST:
            now = now_s()
            self._until_s = {who: until for who, until in self._until_s.items() if until > now}
        if len(self._until_s) < MOST:
            self._until_s[holder] = now_s() + wait_s

    def left_s(self, holder: uuid.UUID) -> int:
        """Return the whole seconds that somebody still has to wait, 0 if none."""
        until_s = self._until_s.get(holder)
        left_s = 0 if until_s is None else math.ceil(until_s - now_s())
        if until_s is not None and left_s <= 0:
            self._until_s.pop(holder, None)
        return max(0, left_s)


_waits = Waits()


def patient(view: View) -> View:
    """Refuse whoever comes back before the wait is over that this view's 429 has told them."""

    @wraps(view)
    def wrapped(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        holder = identity_of(request).holder
        if left_s := _waits.left_s(holder):
            return _refusal(left_s)
        response = view(request, *arguments, **named)
        if response.status_code == 429:
            _waits.note(holder, float(response.headers["Retry-After"]))
        return response

    return wrapped


def refuse_early(get_response: Handler) -> Handler:
    """Refuse a visitor who has to wait before sessions, languages and tokens are looked at.

    Who has a session is known only later, and refused by `patient`.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if _STORES.match(request.path_info) and settings.SESSION_COOKIE_NAME not in request.COOKIES:
            browser = browser_of(request)
            if browser and (left_s := _waits.left_s(browser)):
                return _refusal(left_s)
        return get_response(request)

    return middleware


def _refusal(left_s: int) -> HttpResponse:
    answer = HttpResponse(
        str(TooFast((), left_s)), status=429, content_type="text/plain; charset=utf-8"
    )
    answer.headers["Retry-After"] = str(left_s)
    answer.headers["Content-Length"] = str(len(answer.content))  # as CommonMiddleware would
    return answer
