"""The classify page, with htmx and without JavaScript."""

import re

import pytest
from django.test import Client

from tests import make
from webapp.classifications.models import Classification, Handout
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found[1]


def answered(client: Client, page) -> dict[str, str]:
    """The form as it stands after the first answer to every question."""
    html = page.content.decode()
    while 'name="answers"' in html and "That is all" not in html:
        value = re.search(r'class="answer" type="submit" name="answers" value="([^"]*)"', html)
        assert value
        html = client.get(page.redirect_chain[-1][0], {"answers": value[1]}).content.decode()
    return {name: hidden(html, name) for name in ("uuid", "shown", "path")}


def test_ten_galaxies_without_javascript(client):
    workflow = make.workflow(n_subjects=10)
    page = client.get(f"/c/{workflow.slug}/classify/", follow=True)
    for _ in range(10):
        assert page.status_code == 200
        page = client.post(f"/c/{workflow.slug}/submit/", answered(client, page), follow=True)

    subjects = Classification.objects.values_list("subject_id", flat=True)
    assert len(set(subjects)) == 10
    assert "You have seen every open galaxy" in page.content.decode()


def test_htmx_gets_the_next_galaxy_as_a_part(client):
    workflow = make.workflow(n_subjects=2)
    page = client.get(f"/c/{workflow.slug}/classify/", follow=True)

    part = client.post(f"/c/{workflow.slug}/submit/", answered(client, page), headers=HTMX)

    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert 'id="task"' in part.content.decode()
    assert part.headers["HX-Push-Url"] == f"/c/{workflow.slug}/classify/{Handout.objects.get().pk}/"


def test_a_browser_gets_its_galaxy_without_a_redirect(client):
    workflow = make.workflow(n_subjects=2)
    page = client.get(f"/c/{workflow.slug}/classify/", headers={"Sec-Fetch-Dest": "document"})
    place = f"/c/{workflow.slug}/classify/{Handout.objects.get().pk}/"
    html = page.content.decode()
    assert page.status_code == 200
    assert f'data-place="{place}"' in html
    assert f'<noscript><meta http-equiv="refresh" content="0; url={place}">' in html
    assert "Sec-Fetch-Dest" in page.headers["Vary"]
    assert "noscript" not in client.get(place).content.decode()


def test_a_reload_shows_the_same_galaxy_and_answers(client):
    workflow = make.workflow(n_subjects=5)
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]

    first, again = [client.get(place, {"answers": "0"}).content.decode() for _ in range(2)]

    def picture(html):
        return re.search(r'<img src="([^"]+)"', html)[1]

    assert picture(first) == picture(again)
    assert hidden(first, "path") == hidden(again, "path") == "0"


def test_two_tabs_show_different_galaxies(client):
    workflow = make.workflow(n_subjects=2)
    for _ in range(2):
        client.get(f"/c/{workflow.slug}/classify/")
    assert len(set(Handout.objects.values_list("subject_id", flat=True))) == 2


def test_a_draft_is_its_owners_only(client):
    workflow = make.workflow(n_subjects=1, status=Status.DRAFT)
    assert client.get(f"/c/{workflow.slug}/").status_code == 404
    assert client.get(f"/c/{workflow.slug}/classify/").status_code == 404
