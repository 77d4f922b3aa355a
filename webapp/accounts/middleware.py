"""Keeps the browser's id in its cookie."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from webapp.accounts.identity import set_cookie


def browser_identity(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set the cookie when a view or the sign-in has renewed the browser's id."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        set_cookie(request, response)
        return response

    return middleware
