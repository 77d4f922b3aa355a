"""The galaxy's page and the lists: what is shown, and to whom."""

import numpy as np
import pytest
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role
from webapp.explore import voices
from webapp.predictions import listing, scorer, spaces, tasks
from webapp.subjects.models import Subject
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_loaded():
    scorer.forget()
    yield
    scorer.forget()


@pytest.fixture
def scientist(client):
    alice = make.user(role=Role.SCIENTIST)
    client.force_login(alice)
    return alice


@pytest.fixture
def campaign(scientist):
    workflow = make.owned(scientist)
    make.link(workflow, make.stamped(make.subjects(14))[0].subject_set)
    return workflow


def first_of(workflow):
    return Subject.objects.filter(consensus__workflow=workflow).order_by("pk").first()


def page_of(workflow, galaxy=None):
    galaxy = galaxy or first_of(workflow)
    return reverse("explore:galaxy_in", args=[workflow.slug, galaxy.pk])


def read(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_people_model_and_both_stand_beside_each_other_with_intervals(client, campaign):
    galaxy = first_of(campaign)
    for path in ([0], [0]):
        make.classification(make.visitor(), campaign, galaxy, path)
    make.promoted(campaign)
    tasks.score_unscored()
    page = read(client, page_of(campaign))
    for kind, count in (("people", 4), ("machine", 4), ("belief", 4)):
        assert page.count(f'class="bar {kind}"') == count
    assert page.count('class="bar-interval"') == 12
    assert "2 people were asked" in page
    assert "Ignorance" in page
    assert "Next vote tells" in page


def test_without_a_model_it_says_so_and_people_are_shown(client, campaign):
    page = read(client, page_of(campaign))
    assert "uses no model" in page
    assert 'class="bar machine"' not in page
    assert 'class="bar people"' not in page
    assert page.count('class="bar belief"') == 4


def test_look_alikes_lead_on(client, campaign):
    make.promoted(campaign)
    tasks.score_unscored()
    spaces.refresh_spaces(deadline_s=float("inf"))
    page = read(client, page_of(campaign))
    others = Subject.objects.filter(consensus__workflow=campaign).order_by("pk")[1:]
    assert sum(f'href="{page_of(campaign, other)}"' in page for other in others) == 12
    assert "All galaxies were compared" in page
    assert "Unlike the others" in page


def test_a_map_is_asked_for_shown_while_it_waits_and_then_for_good(client, campaign):
    make.promoted(campaign)
    tasks.score_unscored()
    tree = campaign.tree.tree
    name = tree.name(tree.answers[0])
    args = [campaign.slug, first_of(campaign).pk]
    answer = client.post(reverse("explore:ask_for_map", args=args), {"answer": name})
    assert answer.status_code == 302
    page = read(client, answer.url)
    assert 'hx-trigger="every 1s"' in page
    tasks.draw_maps()
    part = client.get(
        reverse("explore:map_part", args=args), {"answer": name}, headers={"HX-Request": "true"}
    ).content.decode()
    assert part.lstrip().startswith("<section")
    assert "every 1s" not in part
    assert '<img class="heat"' in part
    assert "From the center outward" in part


def test_a_map_of_no_answer_is_refused_on_the_page(client, campaign):
    make.promoted(campaign)
    tasks.score_unscored()
    args = [campaign.slug, first_of(campaign).pk]
    answer = client.post(reverse("explore:ask_for_map", args=args), {"answer": "nothing"})
    assert answer.status_code == 422
    assert "Choose one of the list" in answer.content.decode()


def test_the_short_address_leads_to_the_galaxys_campaign(client, campaign):
    galaxy = first_of(campaign)
    answer = client.get(reverse("explore:galaxy", args=[galaxy.pk]))
    assert answer.url == page_of(campaign)


def test_lists_show_their_galaxies_and_say_when_there_are_none(client, campaign):
    address = reverse("explore:galaxies", args=[campaign.slug, "unusual"])
    assert "uses no model" in read(client, address)
    model = make.promoted(campaign)
    tasks.score_unscored()
    spaces.refresh_spaces(deadline_s=float("inf"))
    listing.list_galaxies(campaign, model)
    page = read(client, address)
    assert page.count("<img") == 14
    disputed = reverse("explore:galaxies", args=[campaign.slug, "disputed"])
    assert "by more than chance" in read(client, disputed)
    assert client.get(f"{address}?after=10").content.decode().count("<img") == 4
    assert client.get(f"{address}?after=x").status_code == 404
    assert client.get(address.replace("unusual", "pretty")).status_code == 404


def test_volunteers_and_strangers_do_not_see_it(client):
    workflow = make.workflow(n_subjects=1)
    address = page_of(workflow)
    assert client.get(address).status_code == 302
    client.force_login(make.user("bob"))
    assert client.get(address).status_code == 403


def test_a_draft_of_others_is_not_found(client, scientist):
    draft, live = make.workflow(n_subjects=1, status=Status.DRAFT), make.workflow(n_subjects=1)
    assert client.get(page_of(draft)).status_code == 404
    assert client.get(reverse("explore:galaxy", args=[first_of(draft).pk])).status_code == 404
    assert client.get(page_of(live)).status_code == 200
    assert client.get(page_of(live, first_of(draft))).status_code == 404


def test_a_share_of_people_lies_in_its_own_interval():
    for votes in (0, 1, 5):
        voice = voices.of_people(votes, 5)
        assert voice.low <= voice.fraction == votes / 5 <= voice.high
    assert voices.of_people(0, 5).high == pytest.approx(0.306, abs=0.001)


def test_voices_of_people_and_model_make_the_belief():
    workflow = make.workflow(n_subjects=1)
    row = workflow.consensus.get()
    row.votes, row.asked = [6, 2, 0, 0], [8]
    row.weighted, row.weighted_asked, row.prior = [6.0, 2.0, 0.0, 0.0], [8.0], [1.0, 8.0, 2.0, 1.0]
    (asked,) = voices.known(row, workflow.tree.tree).questions
    first = asked.lines[0]
    assert (first.people.fraction, first.machine.fraction) == (0.75, 1 / 12)
    assert first.belief.fraction == pytest.approx(7 / 20)
    for line in asked.lines:
        for voice in (line.machine, line.belief):
            assert voice.low < voice.fraction < voice.high
    assert np.isclose(sum(line.belief.fraction for line in asked.lines), 1)
