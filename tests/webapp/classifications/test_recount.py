"""Recounting: the stored tallies are what the votes give."""

import random

import pytest
from django.core.management import CommandError, call_command

from inference.formats.tree import load_built_in
from tests import make
from webapp.classifications import recount, simulation
from webapp.consensus.models import Consensus, Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    """Answers down the whole tree: 17 over 8 galaxies that retire at 3 leave some of each kind."""
    workflow = make.workflow(tree=load_built_in("galaxy-zoo-2"), n_subjects=8)
    for _ in simulation.simulate(
        workflow=workflow, n_volunteers=6, n_classifications=17, seed=random.randrange(10**6)
    ):
        pass
    return workflow


def test_votes_and_tallies_agree(campaign, capsys):
    call_command("recount")
    assert Consensus.objects.filter(retired_at__isnull=False).exists()
    assert "0 differences" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: Consensus.objects.filter(pk=row.pk).update(votes=[v + 1 for v in row.votes]),
        lambda row: Consensus.objects.filter(pk=row.pk).update(asked=[0] * len(row.asked)),
        lambda row: Consensus.objects.filter(pk=row.pk).update(n_classifications=99),
        lambda row: Queue.objects.filter(subject_id=row.subject_id).delete(),
    ],
)
def test_a_wrong_number_is_found_and_repaired(campaign, spoil, capsys):
    row = Consensus.objects.filter(n_classifications__gt=0, retired_at__isnull=True).first()
    spoil(row)

    with pytest.raises(CommandError, match="--repair"):
        call_command("recount")
    assert f"galaxy {row.subject_id}" in capsys.readouterr().out

    call_command("recount", repair=True)
    call_command("recount")
    row.refresh_from_db()
    assert row.n_classifications != 99


def test_a_galaxy_that_waits_though_retired_is_taken_from_the_queue(campaign):
    row = Consensus.objects.filter(retired_at__isnull=False).first()
    Queue.objects.create(
        workflow=campaign, subject_id=row.subject_id, stream="random", sort_key=0.5
    )

    assert [str(found) for found in recount.differences(campaign, repair=True)] == [
        f"galaxy {row.subject_id}: waits in the streams stored ['random'], recomputed []"
    ]
    assert list(recount.differences(campaign)) == []


def test_an_unknown_campaign_is_said():
    with pytest.raises(CommandError, match="'nowhere'"):
        call_command("recount", campaign="nowhere")
