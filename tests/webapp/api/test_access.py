"""Every address of what programs read, for everybody: the table of expected codes."""

import pytest
from django.urls import reverse

from tests import make
from tests.webapp.api.programs import Program
from webapp.accounts.models import Role
from webapp.api import urls
from webapp.api.models import Scope
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db
SIGN_IN, NO_TOKEN, NOT_YOURS, GONE, WRONG_METHOD = 302, 401, 403, 404, 405
PEOPLE = ("anonymous", "volunteer", "other", "owner", "admin")

# What GET answers to anonymous, volunteer, other scientist, owner and administrator; the campaign
# is a draft of the owner's.
PAGES = {
    "tokens": (SIGN_IN, NOT_YOURS, 200, 200, 200),
    "make_token": (WRONG_METHOD,) * 5,
    "revoke_token": (WRONG_METHOD,) * 5,
    "docs": (200,) * 5,
    "openapi": (200,) * 5,
    "root": (200,) * 5,
    "nowhere": (GONE,) * 5,
    "cone": (GONE, GONE, GONE, 200, 200),
    "cone_capabilities": (GONE,) * 5,  # of what is open to all only
    "cone_availability": (200,) * 5,
    "cone_tables": (GONE,) * 5,
    "workflows": (NO_TOKEN, NOT_YOURS, 200, 200, 200),
    "exports": (NO_TOKEN, NOT_YOURS, 200, 200, 200),
    "export": (NO_TOKEN, NOT_YOURS, GONE, GONE, GONE),  # nobody has asked for one
    "export_file": (NO_TOKEN, NOT_YOURS, GONE, GONE, GONE),
    "cancel_export": (NO_TOKEN, NOT_YOURS, WRONG_METHOD, WRONG_METHOD, WRONG_METHOD),
}
OF_CAMPAIGN = (
    "workflow",
    "subjects",
    "columns",
    "consensus",
    "consensus_of",
    "models",
    "predictions",
    "releases",
    "classifications",
)
TABLE = PAGES | dict.fromkeys(OF_CAMPAIGN, (NO_TOKEN, NOT_YOURS, GONE, 200, 200))


@pytest.fixture
def world():
    owner = make.user("owner", Role.SCIENTIST)
    people = {
        "volunteer": make.user("volunteer"),
        "other": make.user("other", Role.SCIENTIST),
        "owner": owner,
        "admin": make.user("admin", Role.ADMIN),
    }
    workflow = make.owned(owner, n_subjects=1, status=Status.DRAFT)
    galaxy = workflow.subject_sets.get().subjects.get()
    foreign = Program(people["other"]).token
    extra: dict[str, dict[str, object]] = {
        "consensus_of": {"subject_id": galaxy.pk},
        "export": {"export_id": 1},
        "cancel_export": {"export_id": 1},
        "export_file": {"export_id": 1},
        "revoke_token": {"token_id": foreign.pk},
        "nowhere": {"rest": "x/y"},
    }

    def place(name: str) -> str:
        named = name in OF_CAMPAIGN or name.startswith("cone")
        given: dict[str, object] = {"slug": workflow.slug} if named else {}
        return reverse(f"api:{name}", kwargs=given | extra.get(name, {}))

    return people, place


def test_the_table_has_every_address():
    assert {pattern.name for pattern in urls.urlpatterns} == set(TABLE)


@pytest.mark.parametrize("person", PEOPLE)
def test_who_gets_what_with_a_session(world, client, person):
    people, place = world
    if person in people:
        client.force_login(people[person])
    for name, codes in TABLE.items():
        answer = client.get(place(name))
        assert answer.status_code == codes[PEOPLE.index(person)], name
        assert answer.status_code != SIGN_IN or reverse("account_login") in answer.url


@pytest.mark.parametrize("person", PEOPLE[1:])
def test_who_gets_what_with_a_token(world, person):
    people, place = world
    program = Program(people[person], [Scope.READ])
    for name, codes in TABLE.items():
        if name not in ("tokens", "make_token", "revoke_token"):
            assert program.get(place(name)).status_code == codes[PEOPLE.index(person)], name


@pytest.mark.parametrize("person", PEOPLE)
def test_what_is_only_read_takes_no_post(world, client, person):
    people, place = world
    if person in people:
        client.force_login(people[person])
    for name in (*OF_CAMPAIGN, "workflows", "cone", "docs", "openapi", "root"):
        assert client.post(place(name)).status_code in (NO_TOKEN, NOT_YOURS, WRONG_METHOD), name


def test_a_session_posts_nothing_without_its_token(world):
    from django.test import Client  # noqa: PLC0415

    people, place = world
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["owner"])
    assert client.post(place("make_token"), {"name": "x", "scopes": ["read"]}).status_code == 403
    assert client.post(place("workflows"), {}, "application/json").status_code == 403
