"""The owner's page about volunteers: who was raised, why, and what was decided."""

import re

import pytest
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role
from webapp.classifications import exclusion, reweigh
from webapp.classifications.models import Reweighing, Skill, Standing, Suspicion
from webapp.common import work
from webapp.common.models import AuditEntry
from webapp.dashboard import suspects

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


@pytest.fixture
def campaign(alice):
    return make.owned(alice, n_subjects=8)


def address(name, workflow, *rest):
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def raised(workflow, person, n_answers=3, words="Answers at random."):
    """Somebody who was raised after some answers."""
    for galaxy in list(workflow.subject_sets.get().subjects.order_by("pk"))[:n_answers]:
        make.classification(person, workflow, galaxy, [1])
    volunteer = make.volunteer(person)
    exclusion.raise_suspicion(workflow_id=workflow.pk, volunteer_id=volunteer.pk, words=words)
    return Suspicion.objects.get(workflow=workflow, volunteer=volunteer)


def test_somebody_who_was_raised_is_shown_with_what_is_known(client, campaign):
    person = make.visitor()
    row = raised(campaign, person, n_answers=7)
    Skill.objects.create(
        workflow=campaign, volunteer=row.volunteer, weight=0.25, agreement=0.34, n_answers=7,
        n_gold=2,
    )  # fmt: skip
    html = client.get(address("people", campaign)).content.decode()
    assert f"browser {person.browser.hex[:6]}" in html
    assert str(person.browser) not in html
    assert "Answers at random." in html
    assert "7, of which 7 count" in html
    assert "0.25 of 1" in html
    assert "34 % of 7 answers, 2 of them on gold" in html
    assert html.count("Elliptical<br>") == 5  # the last five answers
    assert "To be looked at 1" in html


def test_an_account_goes_by_its_public_name_and_is_one_person(client, campaign):
    bob = make.user("bob")
    at_home, at_work = make.visitor(bob), make.visitor()
    row = raised(campaign, at_home, n_answers=1, words="<b>fast</b>")
    other = raised(campaign, at_work, n_answers=2)
    type(other.volunteer).objects.filter(pk=other.volunteer_id).update(user=bob)

    html = client.get(address("people", campaign)).content.decode()
    assert html.count("Exclude bob") == 1
    assert "bob@example.org" not in html
    assert "3, of which 3 count" in html
    assert "&lt;b&gt;fast&lt;/b&gt;" in html
    assert suspects.counts(campaign) == {"open": 1, "excluded": 0, "dismissed": 0}

    client.post(address("exclude", campaign, row.pk), {"reason": "bot"})
    exclusion.apply_decisions()
    assert set(Standing.objects.values_list("state", flat=True)) == {"excluded"}
    html = client.get(address("people", campaign) + "?status=excluded").content.decode()
    assert html.count("Keep bob") == 1


def test_excluding_asks_for_a_reason_and_is_in_the_history(client, campaign, alice):
    row = raised(campaign, make.visitor())
    place = address("exclude", campaign, row.pk)
    assert "Exclude browser" in client.get(place).content.decode()
    assert not AuditEntry.objects.exists()
    refused = client.post(place, {"reason": " "})
    assert refused.status_code == 422
    assert not AuditEntry.objects.exists()

    page = client.post(place, {"reason": "clicks at random"}, follow=True)
    assert page.redirect_chain == [(address("people", campaign), 302)]
    assert "is excluded. The answers are being taken out" in page.content.decode()
    assert "Nobody to look at" in page.content.decode()
    excluded = client.get(address("people", campaign) + "?status=excluded").content.decode()
    assert "alice: clicks at random" in excluded
    assert "being applied" in excluded
    history = client.get(address("history", campaign)).content.decode()
    assert "excluded_volunteer" in history
    assert "clicks at random" in history

    exclusion.apply_decisions()
    assert set(Standing.objects.values_list("state", flat=True)) == {"excluded"}
    client.post(address("keep", campaign, row.pk), {"reason": "a mistake"})
    exclusion.apply_decisions()
    assert set(Standing.objects.values_list("state", flat=True)) == {"counted"}
    kept = client.get(address("people", campaign) + "?status=dismissed").content.decode()
    assert "alice: a mistake" in kept
    assert [entry.reason for entry in AuditEntry.objects.order_by("pk")] == [
        "clicks at random",
        "a mistake",
    ]


def test_somebody_of_another_campaign_cannot_be_decided_on_here(client, campaign):
    row = raised(make.workflow(n_subjects=1), make.visitor(), n_answers=1)
    for name in ("exclude", "keep"):
        answer = client.post(address(name, campaign, row.pk), {"reason": "mine"})
        assert answer.status_code == 404
    row.refresh_from_db()
    assert row.status == "open"


def test_the_list_goes_on_by_key(client, campaign, monkeypatch):
    monkeypatch.setattr(suspects, "PER_PAGE", 2)
    people = [raised(campaign, make.visitor(), n_answers=1) for _ in range(3)]
    html = client.get(address("people", campaign)).content.decode()
    assert html.count('class="card"') == 2
    (more,) = re.findall(r'rel="next" href="(\?status=open&amp;before=\d+)"', html)
    rest = client.get(address("people", campaign) + more.replace("&amp;", "&")).content.decode()
    assert rest.count('class="card"') == 1
    assert f"volunteer {people[0].volunteer_id}<" in rest


@pytest.mark.parametrize("query", ["status=guilty", "before=x", "status=open&before=-1"])
def test_other_addresses_are_no_pages(client, campaign, query):
    assert client.get(f"{address('people', campaign)}?{query}").status_code == 404


def test_the_page_costs_the_same_however_many_are_on_it(
    client, campaign, django_assert_max_num_queries
):
    for _ in range(6):
        raised(campaign, make.visitor(), n_answers=2)
    with django_assert_max_num_queries(16):
        client.get(address("people", campaign))


# Weighing


def test_weighing_is_asked_for_and_its_state_is_shown_until_it_is_done(client, campaign, alice):
    raised(campaign, make.visitor())
    assert "Nobody has been weighed yet" in client.get(address("people", campaign)).content.decode()
    page = client.post(address("weigh", campaign), follow=True).content.decode()
    assert 'hx-trigger="every 2s"' in page
    client.post(address("weigh", campaign))
    row = Reweighing.objects.get()
    assert row.requested_by == alice

    part = client.get(address("weighing", campaign), headers=HTMX)
    assert 'hx-trigger="every 2s"' in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Refresh" not in part.headers
    claimed = work.claim(row)
    assert claimed
    work.run(claimed, reweigh.run_reweighing)
    part = client.get(address("weighing", campaign), headers=HTMX)
    assert "hx-trigger" not in part.content.decode()
    assert part.headers["HX-Refresh"] == "true"
    assert "1 volunteers, 0 with another weight, 0 raised" in part.content.decode()


def test_a_weighing_that_failed_says_why(client, campaign):
    Reweighing.objects.create(workflow=campaign, status="failed", error="The disk is full.")
    html = client.get(address("people", campaign)).content.decode()
    assert "The disk is full." in html
    assert "Weigh anew now" in html
