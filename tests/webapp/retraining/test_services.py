"""Asking for runs and stopping them: one open run a campaign, with a reason for every no."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from tests import make
from tests.webapp.retraining import campaigns
from webapp.common.errors import DomainError
from webapp.common.models import AuditEntry
from webapp.retraining import queries, services, tasks
from webapp.retraining.configs import ConfigUnusable
from webapp.retraining.models import Plan, TrainingRun
from webapp.retraining.services import start_run

pytestmark = pytest.mark.django_db
PLAN = {
    "least_new": 10, "config_name": "smoke", "is_weekly": False, "after_new": None,
    "promotes_itself": False,
}  # fmt: skip


def test_a_run_knows_what_it_will_do_and_who_asked(asked, alice):
    assert (asked.status, asked.phase, asked.config_name) == ("pending", "write", "smoke")
    assert asked.config["size_px"] == 48
    assert asked.requested_by == alice
    entry = AuditEntry.objects.get(action="start_run")
    assert (entry.actor_id, entry.new["run"]) == (alice.pk, asked.folder)


def test_two_presses_make_one_run(asked, campaign):
    again = start_run(workflow=campaign, by=make.user("bob"))
    assert again == asked
    assert TrainingRun.objects.count() == 1


def test_the_database_keeps_a_second_open_run_out(asked):
    asked.pk, asked.folder = None, "another"
    with pytest.raises(IntegrityError, match="one_open_run_a_campaign"), transaction.atomic():
        asked.save(force_insert=True)


def test_too_few_classifications_are_counted_in_the_refusal(alice):
    workflow = campaigns.answered(24, n_each=1)
    with pytest.raises(services.TooFew, match=r"^24 classifications count so far, and 50 are asked "
                       r"for: wait for 26 more"):  # fmt: skip
        start_run(workflow=workflow, by=alice)
    assert not TrainingRun.objects.exists()


def test_excluded_answers_are_not_new(campaign):
    from webapp.classifications.models import Standing  # noqa: PLC0415

    assert queries.n_new(campaign, at_most=1000) == 120
    first = Standing.objects.first()
    first.state = Standing.State.EXCLUDED
    first.save()
    assert queries.n_new(campaign, at_most=1000) == 119
    assert queries.n_new(campaign, at_most=7) == 7


def test_too_few_galaxies_are_refused(alice):
    workflow = campaigns.answered(10, n_each=6)
    with pytest.raises(
        services.TooFew, match=r"10 galaxies have an answer, and a network needs 20"
    ):
        start_run(workflow=workflow, by=alice)


def test_tallies_that_are_behind_the_tree_are_waited_for(campaign):
    campaign.is_tallied = False
    campaign.save()
    with pytest.raises(services.NotTallied, match="in a minute"):
        start_run(workflow=campaign, by=None)


def test_settings_that_are_gone_are_named(campaign):
    Plan.objects.update(config_name="gone")
    with pytest.raises(ConfigUnusable, match=r"no settings named “gone”.*campaign, galaxy-zoo-2"):
        start_run(workflow=campaign, by=None)


def test_a_waiting_run_is_stopped_at_once_and_its_votes_stay_new(asked, campaign, alice):
    services.cancel_run(run=asked, by=alice)
    asked.refresh_from_db()
    assert asked.status == "cancelled"
    assert queries.n_new(campaign, at_most=1000) == 120
    with pytest.raises(services.HasEnded):
        services.cancel_run(run=asked, by=alice)
    tasks.work_on_runs()
    assert start_run(workflow=campaign, by=alice) != asked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"least_new": -1}, "-1 is no number of classifications"),
        ({"after_new": 5}, "after 5 new classifications would be refused, as at least 10"),
        ({"after_new": 10**12}, "write 10 or more"),
        ({"config_name": "../../etc/passwd"}, "no settings named"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(campaign, alice, change, words):
    with pytest.raises(DomainError, match=words):
        services.change_plan(workflow=campaign, by=alice, **PLAN | change)
    assert Plan.objects.get().least_new == 50


def test_a_changed_plan_is_in_the_history_once(campaign, alice):
    for _ in range(2):
        services.change_plan(workflow=campaign, by=alice, **PLAN)
    entry = AuditEntry.objects.get(action="change_retraining")
    assert (entry.old["least_new"], entry.new["least_new"]) == (50, 10)


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_the_same_moment_get_the_same_run(campaign):
    found, gate = [], threading.Barrier(2)

    def press():
        gate.wait()
        found.append(start_run(workflow=campaign, by=None).pk)
        connection.close()

    presses = [threading.Thread(target=press) for _ in range(2)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert TrainingRun.objects.count() == 1
