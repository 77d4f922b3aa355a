"""Answers that belong to no page."""

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from webapp.common import views


def post_theme(client, **fields):
    return client.post(reverse("theme"), fields)


@pytest.mark.parametrize("theme", ["night", "paper"])
def test_a_theme_is_remembered(client, theme):
    answer = post_theme(client, theme=theme, next="/my/")
    assert answer.headers["Location"] == "/my/"
    cookie = client.cookies["theme"]
    assert cookie.value == theme
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("theme", ["", "pink", "night;x", "\0", "x" * 9000])
def test_anything_else_forgets_the_theme(client, theme):
    post_theme(client, theme="night")
    post_theme(client, theme=theme)
    assert client.cookies["theme"].value == ""


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "{}",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\\evil.example",
        "",
        "\0",
    ],
)
def test_one_never_leaves_the_site(client, target):
    assert post_theme(client, theme="night", next=target).headers["Location"] == "/"


def test_reading_the_address_changes_nothing(client):
    assert client.get(reverse("theme")).status_code == 405


@pytest.mark.django_db
def test_a_forged_form_is_refused_with_a_sentence():
    careful = Client(enforce_csrf_checks=True)
    answer = careful.post(reverse("theme"), {"theme": "night"})
    assert answer.status_code == 403
    assert "theme" not in careful.cookies
    assert "reload" in answer.content.decode().lower()


def raised(error: Exception):
    try:
        raise error
    except type(error):
        return views.server_error(RequestFactory().get("/"))


def test_a_database_that_is_away_outside_a_view_is_said_with_the_wait():
    answer = raised(OperationalError("gone"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_mistake_of_the_program_is_a_plain_page():
    answer = raised(ValueError("secret of the program"))
    assert answer.status_code == 500
    assert "secret of the program" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b"])
def test_a_foreign_host_is_refused(client, host):
    assert client.get("/about/", headers={"Host": host}).status_code == 400


def test_whom_to_write_to_about_a_hole(client, settings):
    place = "/.well-known/security.txt"
    assert client.get(place).status_code == 404
    settings.SECURITY_CONTACT = "mailto:security@example.org"
    answer = client.get(place)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == f"http://testserver{place}"
    left = datetime.fromisoformat(fields["Expires"]) - timezone.now()
    assert timedelta(days=150) < left < timedelta(days=365)
