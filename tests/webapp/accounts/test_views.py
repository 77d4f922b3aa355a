"""Pages about this site, one's own account, and everybody's roles."""

import pytest
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role, User
from webapp.common.models import AuditEntry

pytestmark = pytest.mark.django_db
PEOPLE = "/people/"


@pytest.fixture
def vera(client):
    """An administrator, signed in."""
    user = make.user("vera", Role.ADMIN)
    client.force_login(user)
    return user


@pytest.mark.parametrize("name", ["about", "privacy", "terms"])
def test_everybody_may_read_what_this_site_is(client, name):
    assert client.get(reverse(f"accounts:{name}")).status_code == 200


def test_the_terms_name_the_license(client, settings):
    html = client.get(reverse("accounts:terms")).content.decode()
    assert settings.VOTES_LICENSE in html
    assert settings.VOTES_LICENSE_URL in html
    assert 'id="license"' in html


def test_contact_and_name_are_the_operators(client, settings):
    settings.SITE_NAME, settings.CONTACT = "Galaxies <3", "desk@example.org"
    html = client.get(reverse("accounts:privacy")).content.decode()
    assert "Galaxies &lt;3" in html
    assert "desk@example.org" in html


def test_one_sees_ones_own_account(client):
    client.force_login(make.user("alice"))
    html = client.get(reverse("accounts:profile")).content.decode()
    assert "alice@example.org" in html
    assert reverse("account_change_password") in html
    assert reverse("account_email") in html


def test_a_visitor_signs_in_first(client):
    answer = client.get(reverse("accounts:profile"))
    assert answer.headers["Location"] == "/accounts/login/?next=/accounts/profile/"


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.SCIENTIST])
def test_only_administrators_see_people(client, role):
    alice = make.user("alice", role)
    client.force_login(alice)
    assert client.get(PEOPLE).status_code == 403
    place = reverse("accounts:change_role", args=[alice.pk])
    assert client.post(place, {"role": "admin"}).status_code == 403
    alice.refresh_from_db()
    assert alice.role == role


def test_people_are_found_by_name_or_address(client, vera):
    make.user("alice")
    make.user("bob")
    html = client.get(PEOPLE, {"q": "ALI"}).content.decode()
    assert "alice@example.org" in html
    assert "bob@example.org" not in html


@pytest.mark.parametrize("q", ["\0", "%", "_", "\\", "'", "x" * 5000, "a__b"])
def test_a_strange_search_is_no_accident(client, vera, q):
    assert client.get(PEOPLE, {"q": q, "page": "10" * 30}).status_code == 200


def test_many_people_come_page_by_page(client, vera):
    User.objects.bulk_create(
        User(username=f"user{n:03}", email=f"user{n}@example.org") for n in range(60)
    )
    assert "page=2" in client.get(PEOPLE, {"q": "user"}).content.decode()
    assert "user055" in client.get(PEOPLE, {"q": "user", "page": 2}).content.decode()


def test_a_role_is_changed(client, vera):
    alice = make.user("alice")
    place = reverse("accounts:change_role", args=[alice.pk])
    answer = client.post(place, {"role": "scientist", "reason": "owns a campaign"}, follow=True)
    assert "alice is now: scientist." in answer.content.decode()
    assert AuditEntry.objects.get().reason == "owns a campaign"


def test_the_last_administrator_is_told_so(client, vera):
    answer = client.post(reverse("accounts:change_role", args=[vera.pk]), {"role": "volunteer"})
    assert answer.status_code == 422
    assert "vera is the only administrator. Make another one first." in answer.content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": "king"},
        {"role": "admin", "reason": "\0"},
        {"role": "admin", "reason": "x" * 201},
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(client, vera, fields):
    alice = make.user("alice")
    answer = client.post(reverse("accounts:change_role", args=[alice.pk]), fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    alice.refresh_from_db()
    assert alice.role == Role.VOLUNTEER


@pytest.mark.parametrize("number", ["0", "9" * 19, "1" + "0" * 40])
def test_nobody_is_nobody(client, vera, number):
    assert client.post(f"/people/{number}/role/", {"role": "admin"}).status_code == 404


def test_a_role_is_not_changed_by_a_link(client, vera):
    assert client.get(reverse("accounts:change_role", args=[vera.pk])).status_code == 405


def test_a_name_cannot_bring_markup(client, vera):
    User.objects.create(username="<img src=x onerror=alert(1)>", email="x@example.org")
    assert "<img src=x" not in client.get(PEOPLE).content.decode()
