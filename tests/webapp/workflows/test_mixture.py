"""The mixture of streams: never without chance, never mostly strange, always logged."""

import pytest

from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.workflows import mixture
from webapp.workflows.mixture import MixtureUnusable, change_mixture
from webapp.workflows.models import Status
from webapp.workflows.services import WrongStatus

pytestmark = pytest.mark.django_db


def test_a_new_campaign_shows_galaxies_at_random_only():
    assert make.workflow().shares == {"random": 1.0}


def test_shares_are_kept_and_those_of_nothing_left_out():
    parsed = mixture.parse({"random": 0.3, "gain": 0.6, "ignorance": 0, "unusual": 0.1})
    assert parsed == {"random": 0.3, "gain": 0.6, "unusual": 0.1}


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"random": 0.05, "gain": 0.95}, "Keep at least 0.1"),
        ({"gain": 1.0}, "The share at random is 0. Keep at least 0.1"),
        ({"random": 0.5, "gain": 0.4}, "The shares sum to 0.9. Make them sum to 1"),
        ({"random": 0.8, "unusual": 0.2}, "Use at most 0.1"),
        ({"random": 0.9, "gold": 0.1}, "gold has a page of its own"),
        ({"random": 0.9, "strange": 0.1}, "'strange' is no stream"),
        ({"random": 1.5, "gain": -0.5}, "1.5 is no share of “random”. Write 0 to 1"),
        ({"random": float("nan")}, "nan is no share"),
        ({"random": True}, "True is no share"),
        ([0.5, 0.5], "Give each stream its share"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused_with_the_remedy(shares, words):
    with pytest.raises(MixtureUnusable, match=words):
        mixture.parse(shares)


def test_a_change_is_logged_once():
    alice, workflow = make.user(role=Role.SCIENTIST), make.workflow()
    for _ in range(2):
        change_mixture(workflow=workflow, shares={"random": 0.5, "gain": 0.5}, by=alice)
    entry = AuditEntry.objects.get(action="change_mixture")
    assert (entry.old, entry.new) == ({"random": 1.0}, {"random": 0.5, "gain": 0.5})
    workflow.refresh_from_db()
    assert workflow.shares == {"random": 0.5, "gain": 0.5}


def test_a_finished_campaign_keeps_its_mixture():
    alice, workflow = make.user(role=Role.SCIENTIST), make.workflow(status=Status.FINISHED)
    with pytest.raises(WrongStatus):
        change_mixture(workflow=workflow, shares={"random": 0.5, "gain": 0.5}, by=alice)
