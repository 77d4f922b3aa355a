"""Pages of files and releases: who sees them, what is refused, what is downloaded."""

from typing import Any

import pytest
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role
from webapp.exports import services, urls
from webapp.exports.models import Export, Release
from webapp.exports.tasks import run_exports
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
SIGN_IN, GONE, NOT_YOURS, WRONG_METHOD = 302, 404, 403, 405
PEOPLE = ("anonymous", "volunteer", "scientist", "owner", "admin")

# What GET and POST answer to anonymous, volunteer, another scientist, owner, administrator.
CODES: dict[str, tuple[Any, Any]] = {
    "list": ([SIGN_IN, NOT_YOURS, 200, 200, 200], WRONG_METHOD),
    "request": ([SIGN_IN, NOT_YOURS, 200, 200, 200], [SIGN_IN, NOT_YOURS, 422, 422, 422]),
    "export": ([SIGN_IN, NOT_YOURS, GONE, 200, GONE], WRONG_METHOD),
    "export_part": ([SIGN_IN, NOT_YOURS, GONE, 302, GONE], WRONG_METHOD),
    "cancel": (WRONG_METHOD, [SIGN_IN, NOT_YOURS, GONE, 302, GONE]),
    "download": ([SIGN_IN, NOT_YOURS, GONE, 200, GONE], WRONG_METHOD),
    "all_releases": ([200] * 5, WRONG_METHOD),
    "releases": ([200] * 5, WRONG_METHOD),
    "make_release": ([SIGN_IN, NOT_YOURS, GONE, 200, 200], [SIGN_IN, NOT_YOURS, GONE, 422, 422]),
    "release": ([200] * 5, WRONG_METHOD),
    "release_part": ([302] * 5, WRONG_METHOD),
    "withdraw_release": (
        [SIGN_IN, NOT_YOURS, GONE, 200, 200], [SIGN_IN, NOT_YOURS, GONE, 422, 422],
    ),
    "release_file": ([200] * 5, WRONG_METHOD),
}  # fmt: skip


@pytest.fixture
def export(campaign, alice):
    made = services.request_export(workflow=campaign, asked_by=alice, format="csv")
    run_exports()
    made.refresh_from_db()
    return made


@pytest.fixture
def release(campaign, alice):
    made = services.make_release(
        workflow=campaign, by=alice, title="Shapes", authors=["Vera"], license="CC0-1.0"
    )
    run_exports()
    made.refresh_from_db()
    return made


def test_the_table_has_every_address():
    assert {pattern.name for pattern in urls.urlpatterns} == set(CODES)


@pytest.mark.parametrize("name", sorted(CODES))
@pytest.mark.usefixtures("release")
def test_who_gets_what(name, campaign, alice, export, client):
    people = {
        "anonymous": None,
        "volunteer": make.user("volunteer"),
        "scientist": make.user("scientist", Role.SCIENTIST),
        "owner": alice,
        "admin": make.user("admin", Role.ADMIN),
    }
    one = {"slug": campaign.slug, "number": 1}
    given = {
        "request": {"slug": campaign.slug}, "releases": {"slug": campaign.slug},
        "make_release": {"slug": campaign.slug}, "release": one, "release_part": one,
        "withdraw_release": one, "release_file": one | {"name": "README.md"},
        "list": {}, "all_releases": {},
    }.get(name, {"pk": export.pk})  # fmt: skip
    place = reverse(f"exports:{name}", kwargs=given)
    for method, expected in zip(("get", "post"), CODES[name], strict=True):
        codes = [expected] * 5 if isinstance(expected, int) else expected
        for person, code in zip(PEOPLE, codes, strict=True):
            client.logout()
            if people[person]:
                client.force_login(people[person])
            answer = getattr(client, method)(place)
            b"".join(answer.streaming_content if answer.streaming else ())
            assert answer.status_code == code, (person, method)


def test_a_file_is_asked_for_followed_and_downloaded(campaign, alice, client):
    client.force_login(alice)
    page = reverse("exports:request", args=[campaign.slug])
    assert "n_classifications=3.." in client.get(f"{page}?n_classifications=3..").content.decode()
    sent = {"format": "csv", "query": "n_classifications=3..", "table": "catalog"}
    answer = client.post(page, sent)
    export = Export.objects.get()
    assert answer.headers["Location"] == reverse("exports:export", args=[export.pk])
    waiting = client.get(answer.headers["Location"]).content.decode()
    assert "It waits for a worker" in waiting
    assert client.get(reverse("exports:download", args=[export.pk])).status_code == 404
    run_exports()
    export.refresh_from_db()
    part = client.get(
        reverse("exports:export_part", args=[export.pk]), headers={"HX-Request": "true"}
    ).content.decode()
    assert export.sha256 in part
    assert "hx-trigger" not in part
    got = client.get(reverse("exports:download", args=[export.pk]))
    content = b"".join(got.streaming_content)
    assert content.count(b"\n") == 1 + 4
    assert got.headers["Content-Type"] == "text/csv"
    assert f'filename="{export.file_name}"' in got.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"format": "csv", "query": "frac_nothing=0..1"}, "frac_nothing"),
        ({"format": "xlsx"}, "xlsx"),
        ({"format": "csv", "table": "votes", "query": "ra=1..2"}, "single votes"),
    ],
)
def test_a_refusal_is_said_on_the_page_with_what_was_typed(campaign, alice, client, sent, words):
    client.force_login(alice)
    answer = client.post(reverse("exports:request", args=[campaign.slug]), sent)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert words in html
    assert sent.get("query", "") in html
    assert not Export.objects.exists()


def test_a_draft_shows_nothing_to_others(campaign, alice, release, client):
    Workflow.objects.filter(pk=campaign.pk).update(status="draft", launched_at=None)
    place = reverse("exports:release", args=[campaign.slug, 1])
    assert client.get(place).status_code == 404
    client.force_login(alice)
    assert client.get(place).status_code == 200


def test_a_release_is_made_from_the_form(campaign, alice, client):
    client.force_login(alice)
    sent = {"title": "Shapes", "authors": "Vera Rubin\nEdwin Hubble", "license": "CC-BY-4.0"}
    client.post(reverse("exports:make_release", args=[campaign.slug]), sent)
    release = Release.objects.get()
    assert release.authors == ["Vera Rubin", "Edwin Hubble"]
    assert release.address == f"http://testserver/releases/{campaign.slug}/1/"
    run_exports()
    html = client.get(reverse("exports:release", args=[campaign.slug, 1])).content.decode()
    assert "catalog.parquet" in html
    assert "@misc{" in html


def test_a_withdrawn_release_keeps_its_page_and_gives_no_files(campaign, alice, release, client):
    place = reverse("exports:release", args=[campaign.slug, 1])
    client.force_login(alice)
    withdraw = reverse("exports:withdraw_release", args=[campaign.slug, 1])
    assert client.post(withdraw, {"reason": "A wrong tree."}).status_code == 302
    client.logout()
    answer = client.get(place)
    assert answer.status_code == 410
    assert "A wrong tree." in answer.content.decode()
    assert client.get(f"{place}files/catalog.parquet").status_code == 404


@pytest.mark.parametrize("name", ["../1/README.md", "nothing.txt", ".", "/etc/passwd", "trees"])
def test_only_files_of_the_release_are_served(campaign, release, client, name):
    place = reverse("exports:release", args=[campaign.slug, 1])
    assert client.get(f"{place}files/{name}").status_code == 404


def test_a_file_that_is_lost_is_not_found(campaign, alice, export, client):
    export.path.unlink()
    client.force_login(alice)
    assert client.get(reverse("exports:download", args=[export.pk])).status_code == 404
