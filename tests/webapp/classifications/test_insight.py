"""Insight: the owner's figures are what the rows say."""

import pytest
from django.urls import reverse

from inference.formats.split import TEST, split_of
from tests import make
from webapp.accounts.models import Role
from webapp.classifications.insight import is_whole, measure_insight
from webapp.classifications.models import Insight, Skill
from webapp.consensus.models import Consensus
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    """Three galaxies that retire at 3: one unanimous, one two to one, one with a single answer."""
    workflow = make.workflow(n_subjects=3)
    people = [make.visitor() for _ in range(3)]
    unanimous, split, single = workflow.subject_sets.get().subjects.order_by("pk")
    for number, person in enumerate(people):
        make.classification(person, workflow, unanimous, [0])
        make.classification(person, workflow, split, [1 if number == 2 else 0])
    make.classification(people[0], workflow, single, [0])
    return workflow


def figures(workflow):
    measure_insight(workflow, is_rationed=False)
    return Insight.objects.get(workflow=workflow).figures


def test_days_reasons_and_agreement(campaign):
    found = figures(campaign)
    assert found["days"][-1][1:] == [7, 7]
    assert len(found["days"]) == 60
    assert found["retired"] == {"count": 2}
    # Three pairs of one galaxy agree; of the other's three pairs one does.
    (first,) = found["agreement"]
    assert first["agreement"] == pytest.approx(4 / 6)
    assert first["n_galaxies"] == 2


def test_effort_counts_the_open_ones(campaign):
    found = figures(campaign)["effort"]
    assert (found["n_subjects"], found["n_retired"], found["most"]) == (3, 2, 3)
    assert found["mean"] == pytest.approx(3.0)


def test_galaxies_that_came_by_another_stream_first_do_not_measure_what_is_saved(campaign):
    galaxy = make.link(campaign, make.subjects(1)[0].subject_set).subject_set.subjects.get()
    shown = make.shown_subject(make.visitor(), campaign, galaxy)
    assert shown.stream == "random"
    assert figures(campaign)["effort"]["n_subjects"] == 3  # nobody has classified it
    person = make.visitor()
    make.classification(person, campaign, galaxy, [0], stream="gain")
    assert figures(campaign)["effort"]["n_subjects"] == 3


def test_weights_are_counted_in_bins(campaign):
    for number, weight in enumerate((0.0, 0.03, 1.0)):
        volunteer = make.volunteer_row()
        Skill.objects.create(
            workflow=campaign, volunteer=volunteer, weight=weight, n_answers=number
        )
    found = figures(campaign)["weights"]
    assert found[0] == 2
    assert found[-1] == 1
    assert sum(found) == 3


def test_a_network_is_judged_on_galaxies_never_trained_on():
    workflow = make.workflow(rule={"format": 1, "votes": 10, "artifact": None})
    made = make.subjects(12)
    held_out = next(f"T{n}" for n in range(999) if split_of(f"T{n}") == TEST)
    learned = next(f"L{n}" for n in range(999) if split_of(f"L{n}") != TEST)
    Subject.objects.filter(pk=made[0].pk).update(survey_id=held_out)
    Subject.objects.filter(pk=made[1].pk).update(survey_id=learned)
    make.link(workflow, made[0].subject_set)
    assert figures(workflow)["calibration"] is None
    people = [make.visitor() for _ in range(10)]
    for galaxy in made[:2]:
        for number, person in enumerate(people):
            make.classification(person, workflow, galaxy, [0 if number < 8 else 1])
    Consensus.objects.filter(subject__in=made[:2]).update(prior=[7.0, 2.0, 0.5, 0.5])
    found = figures(workflow)["calibration"]
    assert found["n_galaxies"] == 1
    assert found["bins"] == [[pytest.approx(0.7), pytest.approx(0.8), 1]]
    assert found["error"] == pytest.approx(0.1)
    assert [row[0] for row in found["coverage"]] == [0.5, 0.8, 0.9]


def test_gold_is_left_out(campaign):
    from webapp.consensus.services import mark_gold  # noqa: PLC0415

    first = campaign.subject_sets.get().subjects.order_by("pk").first()
    mark_gold(workflow=campaign, subject_ids=[first.pk], is_gold=True)
    found = figures(campaign)
    assert found["n_subjects"] == 2


def test_computing_is_rationed(campaign):
    measure_insight(campaign)
    first = Insight.objects.get().measured_at
    measure_insight(campaign)
    assert Insight.objects.get().measured_at == first


def test_figures_of_an_older_version_are_not_shown_and_measured_again_at_once(campaign, client):
    client.force_login(make.user("alice", Role.ADMIN))
    measure_insight(campaign)
    known = Insight.objects.get()
    assert is_whole(known)
    known.figures.pop("effort")
    known.save()
    page = client.get(f"/manage/campaigns/{campaign.slug}/insight/")
    assert page.status_code == 200
    assert page.context["known"] is None
    measure_insight(campaign)
    assert is_whole(Insight.objects.get())


def test_the_page_shows_what_was_computed(campaign, client):
    owner = make.user("alice", Role.SCIENTIST)
    campaign.owners.add(owner)
    client.force_login(owner)
    address = reverse("dashboard:insight", args=[campaign.slug])
    assert "Not computed yet" in client.get(address).content.decode()
    Skill.objects.create(workflow=campaign, volunteer=make.volunteer_row(), weight=0.5, n_answers=3)
    Consensus.objects.filter(workflow=campaign).update(prior=[7.0, 2.0, 0.5, 0.5])
    figures(campaign)
    html = client.get(address).content.decode()
    assert "instead of 3" in html
    assert "67 % of pairs, 2 galaxies" in html
    assert "enough classifications" in html
    assert html.count("<svg") >= 4
