"""Who may see a page."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from webapp.accounts.access import admins_only, owners_only, signed_in
from webapp.accounts.models import Role, User

PAGE = "http://testserver/c/hubble/classify/?answers=0-7"


def ok(request) -> HttpResponse:
    return HttpResponse("ok")


def ask(view=signed_in(ok), user=None, method="get", **headers):  # noqa: B008
    request = RequestFactory(headers=headers).generic(method.upper(), "/part/?x=1")
    request.user = user or AnonymousUser()
    return view(request)


def test_a_user_passes():
    assert ask(user=User(role=Role.VOLUNTEER)).content == b"ok"


def test_a_visitor_goes_to_sign_in_and_back():
    answer = ask()
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/accounts/login/?next=/part/%3Fx%3D1"


def test_htmx_leaves_its_page_for_the_sign_in_and_comes_back_to_the_page():
    answer = ask(**{"HX-Request": "true", "HX-Current-URL": PAGE})
    assert answer.status_code == 204
    assert answer.content == b""
    assert (
        answer.headers["HX-Redirect"] == "/accounts/login/?next=/c/hubble/classify/%3Fanswers%3D0-7"
    )


@pytest.mark.parametrize(
    "address",
    [
        "", "https://evil.example/x", "//evil.example", "http://testserver//evil.example/x",
        "javascript:alert(1)", "http://testserver.evil.example/", "http://[", "http://testserver/\\evil",
    ],
)  # fmt: skip
def test_the_way_back_is_never_elsewhere(address):
    answer = ask(**{"HX-Request": "true", "HX-Current-URL": address})
    place = answer.headers["HX-Redirect"]
    assert "evil.example" not in place or address.startswith("http://testserver/")
    assert "next=//" not in place
    assert "next=http" not in place


def test_after_a_form_the_way_back_is_its_page():
    answer = ask(method="post", Referer=PAGE)
    assert answer.headers["Location"].endswith("next=/c/hubble/classify/%3Fanswers%3D0-7")
    assert ask(method="post").headers["Location"].endswith("next=/")


@pytest.mark.parametrize(
    ("guard", "allowed"),
    [(owners_only, {Role.SCIENTIST, Role.ADMIN}), (admins_only, {Role.ADMIN})],
)
def test_roles(guard, allowed):
    view = guard(ok)
    assert ask(view).status_code == 302
    for role in Role:
        if role in allowed:
            assert ask(view, User(role=role)).content == b"ok"
        else:
            with pytest.raises(PermissionDenied):
                ask(view, User(role=role))
