"""The galaxy's page and the lists: what is shown, and to whom."""

import numpy as np
import pytest
from django.urls import reverse

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Role, User
from webapp.common.models import AuditEntry
from webapp.consensus.models import Retirement
from webapp.explore import voices
from webapp.predictions import listing, scorer, spaces, tasks
from webapp.subjects import media
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


def test_strangers_see_the_galaxy_without_its_votes_until_it_retires(client):
    workflow = make.workflow(n_subjects=1)
    galaxy = first_of(workflow)
    make.classification(make.visitor(), workflow, galaxy)
    for _ in range(2):
        page = read(client, page_of(workflow))
        assert "comes after your own look" in page
        assert 'class="bar' not in page
        assert "Classifications" not in page
        client.force_login(User.objects.filter(username="bob").first() or make.user("bob"))
    for _ in range(2):
        make.classification(make.visitor(), workflow, galaxy)
    client.logout()
    page = read(client, page_of(workflow))
    assert page.count('class="bar people"') == 4
    assert "enough classifications" in page or "retired" in page
    assert "2 of" not in page


def test_who_has_classified_a_galaxy_sees_its_votes(client):
    workflow = make.workflow(n_subjects=2)
    bob = make.user("bob")
    galaxy, other = Subject.objects.filter(consensus__workflow=workflow).order_by("pk")
    make.classification(make.visitor(bob), workflow, galaxy)
    client.force_login(bob)
    assert 'class="bar people"' in read(client, page_of(workflow, galaxy))
    assert "comes after your own look" in read(client, page_of(workflow, other))


def test_an_owner_may_let_everybody_see_votes_at_once(client):
    owner = make.user(role=Role.SCIENTIST)
    workflow = make.owned(owner, n_subjects=1)
    make.classification(make.visitor(), workflow, first_of(workflow))
    assert "comes after your own look" in read(client, page_of(workflow))
    client.force_login(owner)
    assert 'class="bar people"' in read(client, page_of(workflow))
    client.post(reverse("dashboard:catalog", args=[workflow.slug]), {})
    assert AuditEntry.objects.get(action="change_vote_display").new is False
    client.logout()
    assert 'class="bar people"' in read(client, page_of(workflow))
    client.force_login(owner)
    client.post(reverse("dashboard:catalog", args=[workflow.slug]), {"hides_votes": "on"})
    client.logout()
    assert "comes after your own look" in read(client, page_of(workflow))


def test_what_costs_much_is_for_scientists(client):
    workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 1, "artifact": None})
    make.classification(make.visitor(), workflow, first_of(workflow))
    make.promoted(workflow)
    page = read(client, page_of(workflow))
    assert "Where the model looks" not in page
    assert "Look-alikes" not in page
    args = [workflow.slug, first_of(workflow).pk]
    assert client.post(reverse("explore:ask_for_map", args=args)).status_code == 302
    client.force_login(make.user("bob"))
    assert client.post(reverse("explore:ask_for_map", args=args)).status_code == 403
    assert client.get(reverse("explore:map_part", args=args)).status_code == 403
    lists = reverse("explore:galaxies", args=[workflow.slug, "unusual"])
    assert client.get(lists).status_code == 403


def test_the_page_leads_to_other_services_and_to_files(client, campaign):
    galaxy = first_of(campaign)
    galaxy.ra_deg, galaxy.dec_deg, galaxy.healpix = 150.0, -2.5, 1
    galaxy.pixel_scale_arcsec, galaxy.original_format = 0.262, "fits"
    galaxy.original_sha256 = media.store_public("fits", b"SIMPLE  =                    T")
    galaxy.save()
    page = read(client, page_of(campaign, galaxy))
    for name in ("Legacy Survey", "hips2fits", "SIMBAD", "NED", "Aladin Lite"):
        assert f">{name}</a>" in page
    assert "150.000000°, -2.500000°" in page
    assert media.url("fits", galaxy.original_sha256) in page
    assert "Scale: the line is 20″ long" in page
    recipe = client.get(reverse("explore:recipe", args=[campaign.slug, galaxy.pk])).json()
    assert recipe["original"]["sha256"] == galaxy.original_sha256
    assert recipe["light_to_color"]["one_band"]["stretch"] == "asinh"
    assert recipe["renditions"]["stamp"]["side_px"] == 224
    gone = reverse("explore:recipe", args=[campaign.slug, galaxy.pk + 1000])
    assert client.get(gone).status_code == 404


def test_the_votes_stand_as_the_tree_has_them(client, scientist):
    workflow = make.owned(scientist, tree=load_built_in("galaxy-zoo-2"), n_subjects=1)
    page = read(client, page_of(workflow))
    tree = workflow.tree.tree
    assert voices.depths_of(tree)[0] == 0
    assert max(voices.depths_of(tree)) > 2
    assert page.count("asked asked-0") == 1
    assert page.count("After ") >= tree.n_questions - 1


def test_the_history_of_retirement_is_told(client, scientist):
    workflow = make.owned(scientist, n_subjects=1, rule={"format": 1, "votes": 1, "artifact": None})
    galaxy = first_of(workflow)
    make.classification(make.visitor(), workflow, galaxy)
    Retirement.objects.create(
        workflow=workflow, subject=galaxy, is_opening=True, words="the rule has changed",
        n_classifications=1,
    )  # fmt: skip
    page = read(client, page_of(workflow, galaxy))
    assert "shown again, the rule has changed" in page
    assert page.index("retired, ") < page.index("shown again")


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
    assert voices.of_people(0, 5).high == pytest.approx(0.4345, abs=0.0001)


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
