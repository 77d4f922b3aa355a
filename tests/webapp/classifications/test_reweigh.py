"""Re-weighing: skills come from the answers, and every vote follows its volunteer's weight."""

import random

import pytest
from django.core.management import CommandError, call_command

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Volunteer
from webapp.classifications import exclusion, recount, reweigh, simulation
from webapp.classifications.models import Skill, Standing, Suspicion
from webapp.common import work
from webapp.consensus.models import Consensus, Retirement

pytestmark = pytest.mark.django_db


def weigh(workflow):
    row = work.claim(reweigh.start_reweighing(workflow=workflow))
    work.run(row, reweigh.run_reweighing)
    row.refresh_from_db()
    assert row.status == "done", row.traceback
    return row


@pytest.fixture
def campaign():
    """Ten people who agree on thirty clear galaxies, and one who answers the opposite."""
    workflow = make.workflow(n_subjects=30, rule={"format": 1, "votes": 10, "artifact": None})
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    honest = [make.visitor() for _ in range(9)]
    contrary = make.visitor()
    for number, galaxy in enumerate(galaxies):
        for person in honest:
            make.classification(person, workflow, galaxy, [number % 2])
        make.classification(contrary, workflow, galaxy, [1 - number % 2])
    return workflow, make.volunteer(contrary), [make.volunteer(person) for person in honest]


def test_somebody_who_answers_against_all_others_weighs_next_to_nothing(campaign):
    workflow, contrary, honest = campaign
    row = weigh(workflow)
    weights = dict(Skill.objects.values_list("volunteer_id", "weight"))
    assert weights[contrary.pk] < 0.1
    assert all(weights[volunteer.pk] > 0.9 for volunteer in honest)
    assert row.n_volunteers == 10
    assert row.n_changed >= 1


def test_a_campaign_that_nobody_has_answered_is_weighed_too():
    row = weigh(make.workflow(n_subjects=2))
    assert (row.n_volunteers, row.n_changed, row.n_recounted) == (0, 0, 0)


def test_every_vote_follows_and_raw_votes_stay(campaign):
    workflow, contrary, _ = campaign
    before = list(Consensus.objects.order_by("pk").values_list("votes", "n_classifications"))
    weigh(workflow)
    after = list(Consensus.objects.order_by("pk").values_list("votes", "n_classifications"))
    assert after == before
    weight = Skill.objects.get(volunteer=contrary).weight
    assert set(Standing.objects.filter(volunteer=contrary).values_list("weight", flat=True)) == {
        weight
    }
    for row in Consensus.objects.all():
        assert sum(row.weighted) == sum(skill.weight for skill in Skill.objects.all())
    assert list(recount.differences(workflow)) == []


def test_weighing_twice_changes_nothing(campaign):
    workflow, _, _ = campaign
    weigh(workflow)
    known = list(Consensus.objects.order_by("pk").values())
    again = weigh(workflow)
    assert (again.n_changed, again.n_recounted, again.n_reopened) == (0, 0, 0)
    assert list(Consensus.objects.order_by("pk").values()) == known


def test_new_answers_are_counted_with_the_weight_at_that_moment(campaign):
    workflow, contrary, _ = campaign
    weigh(workflow)
    galaxy = make.link(workflow, make.subjects(1)[0].subject_set).subject_set.subjects.get()
    make.classification(make.visitor_of(contrary), workflow, galaxy, [0])
    row = Consensus.objects.get(subject=galaxy)
    assert row.votes[0] == 1
    assert row.weighted[0] == Skill.objects.get(volunteer=contrary).weight
    assert list(recount.differences(workflow)) == []


def test_a_contrary_volunteer_is_raised_with_numbers_and_stays_decided(campaign):
    workflow, contrary, _ = campaign
    assert weigh(workflow).n_suspects == 1
    found = Suspicion.objects.get()
    assert found.volunteer == contrary
    assert "30 answers" in found.words
    exclusion.keep_volunteer(
        workflow=workflow, volunteer=contrary, by=make.user(), reason="a known expert"
    )
    assert weigh(workflow).n_suspects == 0
    found.refresh_from_db()
    assert found.status == "dismissed"


def test_excluding_opens_what_falls_under_its_rule_and_keeping_brings_it_back(campaign):
    workflow, contrary, _ = campaign
    assert Consensus.objects.filter(retired_at__isnull=False).count() == 30
    owner = make.user()
    exclusion.exclude_volunteer(
        workflow=workflow, volunteer=contrary, by=owner, reason="clicks at random"
    )
    assert exclusion.apply_decisions() == 30
    assert Consensus.objects.filter(retired_at__isnull=False).count() == 0
    assert set(Retirement.objects.filter(is_opening=True).values_list("words", flat=True)) == {
        "a volunteer was excluded; before: 10 of 10 classifications"
    }
    assert set(Standing.objects.filter(volunteer=contrary).values_list("state", "reason")) == {
        ("excluded", "clicks at random")
    }
    assert list(recount.differences(workflow)) == []

    exclusion.keep_volunteer(workflow=workflow, volunteer=contrary, by=owner, reason="a mistake")
    exclusion.apply_decisions()
    assert Consensus.objects.filter(retired_at__isnull=False).count() == 30
    assert list(recount.differences(workflow)) == []


def test_an_excluded_volunteers_new_answers_are_kept_and_do_not_count(campaign):
    workflow, contrary, _ = campaign
    exclusion.exclude_volunteer(workflow=workflow, volunteer=contrary, by=make.user(), reason="bot")
    exclusion.apply_decisions()
    galaxy = make.link(workflow, make.subjects(1)[0].subject_set).subject_set.subjects.get()
    recorded = make.classification(make.visitor_of(contrary), workflow, galaxy, [0])
    assert recorded.state == Standing.State.EXCLUDED
    assert Consensus.objects.get(subject=galaxy).n_classifications == 0
    standing = Standing.objects.get(classification=recorded.classification_id)
    assert standing.reason == "bot"


def test_the_order_of_answers_does_not_matter():
    tallies = []
    for seed in (1, 2):
        workflow = make.workflow(n_subjects=6, rule={"format": 1, "votes": 40, "artifact": None})
        galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
        people = [make.visitor() for _ in range(8)]
        for number, person in enumerate(people):
            Skill.objects.create(
                workflow=workflow, volunteer_id=_made(person), weight=(number * 37 % 257) / 256,
                n_answers=9,
            )  # fmt: skip
        given = [(number, place) for number in range(8) for place in range(6)]
        random.Random(seed).shuffle(given)
        for number, place in given:
            make.classification(people[number], workflow, galaxies[place], [(number + place) % 3])
        rows = Consensus.objects.filter(workflow=workflow).order_by("subject_id")
        tallies.append([(row.votes, row.weighted) for row in rows])
    assert tallies[0] == tallies[1]


def _made(person):
    return Volunteer.objects.create(uuid=person.holder).pk


def test_down_a_whole_tree_recount_agrees_after_weighing():
    workflow = make.workflow(tree=load_built_in("galaxy-zoo-2"), n_subjects=12)
    for _ in simulation.simulate(workflow=workflow, n_volunteers=5, n_classifications=30, seed=7):
        pass
    weigh(workflow)
    assert list(recount.differences(workflow)) == []


def test_the_command_prints_what_changed(campaign, capsys):
    workflow, _, _ = campaign
    call_command("reweigh")
    said = capsys.readouterr().out
    assert f"{workflow.slug}: 10 volunteers" in said
    assert "30 galaxies counted again" in said
    call_command("reweigh", campaign=workflow.slug)
    assert "0 galaxies counted again" in capsys.readouterr().out
    with pytest.raises(CommandError, match="'nowhere'"):
        call_command("reweigh", campaign="nowhere")


def test_asking_twice_while_one_waits_makes_one(campaign):
    workflow, _, _ = campaign
    assert reweigh.start_reweighing(workflow=workflow) == reweigh.start_reweighing(
        workflow=workflow
    )
    assert reweigh.has_new_answers(workflow)
    weigh(workflow)
    assert not reweigh.has_new_answers(workflow)
